#include <string>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include <tulu/tokenizer/tiktoken.hpp>

TEST_CASE("looks_like_tiktoken: lines of base64 and a rank, from 0 on") {
  CHECK(tulu::looks_like_tiktoken("IQ== 0\nIg== 1\n"));
  for (const char* head : {"", " 0\n", "IQ== 1\n", "IQ==", "\n\x0e\n\x05<unk>\x15", "IQ==\t0\n"})
    CHECK_FALSE(tulu::looks_like_tiktoken(head));
}

TEST_CASE("refuse_tiktoken: says where to find a tokenizer that is read") {
  const tulu::test::temp_dir dir;
  const auto path = dir.path() / "tokenizer.model";
  tulu::test::write_file(path, "IQ== 0\nIg== 1\n");
  CHECK(tulu::test::message_of([&] { tulu::refuse_tiktoken(path); }).find("tiktoken") != std::string::npos);
  tulu::test::write_file(path, "anything else");
  tulu::refuse_tiktoken(path);
}
