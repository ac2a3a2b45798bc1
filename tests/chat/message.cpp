#include <doctest/doctest.h>

#include <tulu/chat/message.hpp>

using tulu::chat::role;

TEST_CASE("roles have the names of the chat formats") {
  CHECK(tulu::chat::role_name(role::system) == "system");
  CHECK(tulu::chat::role_name(role::user) == "user");
  CHECK(tulu::chat::role_name(role::assistant) == "assistant");
  for (const role who : {role::system, role::user, role::assistant})
    CHECK(tulu::chat::parse_role(tulu::chat::role_name(who)) == who);
  CHECK_FALSE(tulu::chat::parse_role("User").has_value());
  CHECK_FALSE(tulu::chat::parse_role("").has_value());
}
