#include <vector>

#include <doctest/doctest.h>

#include <tulu/chat/segment.hpp>

using tulu::chat::segment;
using enum tulu::chat::segment_kind;

TEST_CASE("text after text is one segment, empty text is none") {
  tulu::chat::segment_writer out;
  out.text({""});
  out.start();
  out.bos();
  out.text({"a", "", "b"});
  out.text({"c"});
  out.eos();
  out.text({"</s>"});
  out.special("<|x|>");
  const std::vector<segment> segments = out.take();
  CHECK(segments == std::vector<segment>{
                        {start, ""}, {bos, "<s>"}, {text, "abc"}, {eos, "</s>"}, {text, "</s>"}, {special, "<|x|>"}});
  CHECK(tulu::chat::joined_text(segments) == "<s>abc</s></s><|x|>");
}
