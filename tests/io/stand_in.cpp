#include <string>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include <tulu/io/stand_in.hpp>

namespace io = tulu::io;

TEST_CASE("stand_in: a git-lfs pointer is described with the size it promises") {
  const std::string head = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 13476851392\n";
  CHECK(io::describe_stand_in(head) == "a git-lfs pointer to 13476851392 bytes (run \"git lfs pull\")");
  CHECK(io::describe_stand_in(head.substr(0, 60)) == "a git-lfs pointer (run \"git lfs pull\")");
  CHECK(io::describe_stand_in("version https://git-lfs.github.com/spec/v1\nsize x\n") ==
        "a git-lfs pointer (run \"git lfs pull\")");
}

TEST_CASE("stand_in: web pages are recognised in any case, after blanks and a byte order mark") {
  for (const char* page :
       {"<!DOCTYPE html>", "<!doctype HTML>", "<html lang=en>", " \r\n\t<HTML>", "\xef\xbb\xbf<html>"})
    CHECK_MESSAGE(io::describe_stand_in(page) == "an HTML page (a failed download)", page);
  CHECK(io::describe_stand_in("<?xml version=\"1.0\"?>") == "an XML document (a failed download)");
}

TEST_CASE("stand_in: nothing is described of JSON, weights and other text") {
  CHECK(io::describe_stand_in("") == "an empty file");
  for (const char* head : {"{\"a\":1}", "PK\x03\x04", "version 3", "<", " ", "<htm"})
    CHECK_MESSAGE(!io::describe_stand_in(head).has_value(), head);
}

TEST_CASE("stand_in: the head of a short file is all of it") {
  const tulu::test::temp_dir dir;
  tulu::test::write_file(dir.path() / "f", "abcdef");
  const io::file file{dir.path() / "f"};
  CHECK(io::read_head(file) == "abcdef");
  CHECK(io::read_head(file, 2) == "ab");
}
