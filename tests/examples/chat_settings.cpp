#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <examples/support/chat_settings.hpp>

#include "support/temp_dir.hpp"

using tulu::test::message_of;

TEST_CASE("each setting is changed by its name and shown as what it is") {
  tulu::generation_options options;
  CHECK(cli::apply_setting("temperature 0.25", options).name == "temperature");
  CHECK(options.sampling.temperature == 0.25F);
  cli::apply_setting("top-k 40", options);
  cli::apply_setting("top_p  0.9", options);
  cli::apply_setting("min-p 0.05", options);
  cli::apply_setting("repetition_penalty 1.1", options);
  cli::apply_setting("seed 18446744073709551615", options);
  cli::apply_setting("max-new-tokens 12", options);
  cli::apply_setting("stop a b\\n", options);
  CHECK(options.stop == std::vector<std::string>{"a b\n"});
  CHECK(cli::all_settings(options) ==
        "temperature = 0.25\ntop-p = 0.9\ntop-k = 40\nmin-p = 0.05\nrepetition-penalty = 1.1\n"
        "seed = 18446744073709551615\nmax-new-tokens = 12\nlookup = 0\nstop = \"a b\\n\"\n");
  cli::apply_setting("stop", options);
  cli::apply_setting("max-new-tokens unlimited", options);
  CHECK(options.stop.empty());
  CHECK(options.max_new_tokens == tulu::unlimited);
  CHECK(cli::all_settings(options).ends_with("max-new-tokens = unlimited\nlookup = 0\nstop = none\n"));
  cli::apply_setting("temperature 0", options);
  cli::apply_setting("lookup 7", options);
  CHECK(cli::all_settings(options).ends_with("\nlookup = 7\nstop = none\n"));
}

TEST_CASE("a value that does not fit is refused and changes nothing") {
  tulu::generation_options options;
  const std::string before = cli::all_settings(options);
  const auto refused = [&](const char* text) {
    const std::string message = message_of([&] { cli::apply_setting(text, options); });
    CHECK_MESSAGE(cli::all_settings(options) == before, text);
    return message;
  };
  CHECK(refused("temperature warm") == "temperature: expected a number, found warm");
  CHECK(refused("temperature") == "temperature: expected a number, found nothing");
  CHECK(refused("top-k 1.5") == "top-k: expected a whole number, found 1.5");
  CHECK(refused("top-k 18446744073709551616").starts_with("top-k: expected"));
  CHECK(refused("max-new-tokens -1").starts_with("max-new-tokens: expected"));
  CHECK(refused("temperature -1").starts_with("temperature: expected"));
  CHECK(refused("temperature nan").starts_with("temperature: expected"));
  CHECK(refused("top-p 1.5").starts_with("top_p: expected"));
  CHECK(refused("lookup 1") == "lookup: expected 0 unless temperature is 0, found 1");
  CHECK(refused("stop \xff").starts_with("stop string"));
  CHECK(refused("temprature 1") == "unknown setting temprature, did you mean temperature?");
}
