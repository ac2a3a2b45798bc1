#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/chat/chat_template.hpp>

using tulu::chat::message;
using tulu::chat::segment;
using enum tulu::chat::segment_kind;

namespace {

/// A format of somebody else, with a setting.
struct shouting_template {
  static constexpr std::string_view name = "shouting";
  static constexpr std::string_view preferred_mode = "hf";
  std::string mark;

  [[nodiscard]] std::vector<segment> render(std::span<const message> messages, bool add_generation_prompt) const {
    tulu::chat::segment_writer out;
    for (const message& turn : messages) out.text({turn.content, mark});
    if (add_generation_prompt) out.special("<answer>");
    return out.take();
  }
  [[nodiscard]] std::vector<segment> stops() const { return {{text, mark}}; }
};
static_assert(tulu::chat::chat_template<shouting_template>);
static_assert(!tulu::chat::chat_template<int>);

}  // namespace

TEST_CASE("any_template is the template that it was made of") {
  const tulu::chat::any_template format = shouting_template{"!"};
  const auto copy = format;
  const std::vector<message> messages{{tulu::chat::role::user, "Hi"}};
  CHECK(copy.name() == "shouting");
  CHECK(copy.preferred_mode() == "hf");
  CHECK(copy.render(messages, true) == std::vector<segment>{{text, "Hi!"}, {special, "<answer>"}});
  CHECK(copy.render(messages, false) == std::vector<segment>{{text, "Hi!"}});
  CHECK(copy.stops() == std::vector<segment>{{text, "!"}});
}
