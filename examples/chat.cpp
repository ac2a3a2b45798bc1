#include <iostream>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

#include "support/chat_model.hpp"
#include "support/chat_settings.hpp"
#include "support/cli.hpp"
#include "support/conversation.hpp"
#include "support/interrupts.hpp"
#include "support/line_reader.hpp"
#include "support/message_reader.hpp"
#include "support/model_options.hpp"
#ifdef TULU_HAVE_LIBEDIT
#include "support/line_editor.hpp"
#endif

namespace {

struct arguments {
  cli::common_options common{};
  cli::model_arguments model{};
  std::optional<std::string> prompt{};
  std::string system{};
  std::string format = "auto";
  tulu::context_options context{};
  std::string cache = "f16";
  tulu::generation_options answers{};
  bool list_backends = false;
};

#ifdef TULU_HAVE_LIBEDIT
constexpr bool has_line_editor = true;

std::unique_ptr<cli::line_reader> open_editor(cli::interrupts& signals) {
  cli::use_utf8_locale();
  auto file = cli::state_folder();
  if (file) *file /= "chat_history";
  return std::make_unique<cli::line_editor>(signals, cli::input_history{std::move(file)});
}
#else
constexpr bool has_line_editor = false;

std::unique_ptr<cli::line_reader> open_editor(cli::interrupts& signals) {
  std::cerr << "note: this build has no line editing: it was made without libedit\n";
  return std::make_unique<cli::plain_reader>(STDIN_FILENO, signals, true);
}
#endif

/// Answers one line after the other.
int answer_lines(cli::conversation& talk, cli::line_reader& lines) {
  for (;;) {
    cli::input_line line = lines.read("");
    if (line.status == cli::line_status::end) return cli::done;
    if (line.status == cli::line_status::interrupted || !talk.say(std::move(line.text))) return cli::interrupted;
  }
}

/// Talks with somebody at a terminal. What goes wrong is said, and the conversation goes on.
int converse(cli::conversation& talk, cli::line_reader& lines) {
  cli::message_reader messages{lines};
  for (;;) {
    const cli::input_message message = messages.next();
    if (message.status == cli::line_status::end) return cli::done;
    if (message.status == cli::line_status::interrupted) return cli::interrupted;
    if (cli::without_trailing_space(message.text).empty()) continue;
    try {
      const auto command = message.literal ? std::nullopt : cli::parse_command(message.text);
      if (command && !talk.carry_out(*command)) return cli::done;
      if (!command) talk.say(std::string{message.literal ? message.text : cli::without_escape(message.text)});
    } catch (const std::exception& problem) {
      std::cerr << "error: " << tulu::printable(problem.what(), 4000) << '\n';
      if (!std::cout) throw;
    }
  }
}

/// Nothing when Ctrl-C ended the loading.
std::optional<cli::chat_model> load(const arguments& given, cli::interrupts& signals) {
  const cli::interrupts::work loading{signals, true};
  try {
    auto loaded = cli::load_chat_model(given.model, given.common, given.format, given.context, loading.token());
    if (!loading.stopped()) return loaded;
  } catch (const tulu::cancelled&) {
  }
  return std::nullopt;
}

std::unique_ptr<cli::conversation::session_type> start_session(const cli::chat_model& loaded, const arguments& given) {
  try {
    auto session = std::make_unique<cli::conversation::session_type>(*loaded.model, loaded.tokens, loaded.format,
                                                                     given.answers, given.context);
    session->set_system(given.system);
    return session;
  } catch (const std::bad_alloc&) {
    throw tulu::error{"--context: there is not enough memory for that many tokens"};
  }
}

int chat(const arguments& given) {
  cli::interrupts signals;
  const std::optional<cli::chat_model> loaded = load(given, signals);
  if (!loaded) return cli::interrupted;

  const auto session = start_session(*loaded, given);
  const bool interactive = !given.prompt && ::isatty(STDIN_FILENO) == 1;
  cli::conversation talk{
      *session,
      signals,
      {.quiet = given.common.quiet, .interactive = interactive, .checked = given.model.check_tensors}};
  if (given.prompt) return talk.say(*given.prompt) ? cli::done : cli::interrupted;
  if (interactive && !given.common.quiet) std::cerr << "/help lists the commands; Ctrl-D leaves\n";
  if (interactive && ::isatty(STDERR_FILENO) == 1) return converse(talk, *open_editor(signals));
  cli::plain_reader lines{STDIN_FILENO, signals, interactive};
  return interactive ? converse(talk, lines) : answer_lines(talk, lines);
}

int list_backends() {
  for (const auto* backend : tulu::kernel::usable_backends(tulu::detect_cpu())) std::cout << backend->name << '\n';
  return cli::done;
}

/// The settings that /set knows, as options; `--stop` may come more than once.
void add_settings(CLI::App& app, tulu::generation_options& answers) {
  for (const cli::setting& each : cli::settings) {
    const auto fits = [&each](const std::string& text) -> std::string {
      try {
        tulu::generation_options scratch;
        scratch.sampling.temperature = 0;  // with which every other setting goes
        each.assign(each, scratch, text);
        if (each.name == "stop" && text.empty()) return "expected at least one character";
        tulu::check(scratch);
        return {};
      } catch (const tulu::error& problem) {
        return problem.what();
      }
    };
    const std::string name = "--" + std::string{each.name};
    const bool repeats = each.name == "stop";
    const auto take = [&each, &answers, repeats](const std::string& text) {
      if (repeats)
        answers.stop.push_back(cli::unescaped(text));
      else
        each.assign(each, answers, text);
    };
    CLI::Option* const option = app.add_option_function<std::string>(
        name, take, std::string{each.help} + (repeats ? "; may be given more than once" : ""));
    if (repeats) {
      option->trigger_on_parse();
    } else {
      option->default_str(each.show(answers));
    }
    option->check(fits)->type_name(std::string{each.value});
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string about = "A conversation with a LLaMA model, in the format that it was trained with.";
  if (!has_line_editor) about += " (Built without libedit: no line editing.)";
  CLI::App app{about, "chat"};
  arguments given;
  given.answers.sampling.want_logprob = false;
  given.model.check_tensors = false;
  cli::add_common_options(app, given.common);
  app.add_option("--model", given.model.model, cli::model_help);
  app.add_option("--prompt", given.prompt, "Print the answer to this alone, and end");
  app.add_option("--system", given.system, "The system message");
  std::vector<std::string_view> formats{"auto"};
  formats.insert(formats.end(), tulu::chat::template_names.begin(), tulu::chat::template_names.end());
  app.add_option("--format", given.format, "The chat format (auto: the model's own; raw: none, goes on with the text)")
      ->check(cli::one_of(formats))
      ->capture_default_str();
  app.add_option("--context", given.context.capacity,
                 "Tokens of the conversation that are kept (default: the model's length)");
  app.add_option("--cache", given.cache, "Type of the conversation's keys and values in memory")
      ->check(cli::one_of(cli::cache_names))
      ->capture_default_str();
  add_settings(app, given.answers);
  cli::add_model_options(app, given.model);
  app.add_flag("--check-tensors", given.model.check_tensors,
               "First read all weights, to warn of NaN and infinite ones");
  app.add_flag("--list-backends", given.list_backends, "The usable backends, one name a line, best first");
  app.final_callback([&] {
    given.context.cache_type = *cli::parse_type(given.cache);
    if (given.model.model.empty() && !given.list_backends) throw CLI::RequiredError("--model");
    try {
      tulu::check(given.answers);
    } catch (const tulu::error& problem) {
      throw CLI::ValidationError(problem.what());
    }
  });
  if (const auto code = cli::parse(app, argc, argv)) return *code;
  int code = cli::done;
  const int status = cli::guarded([&] { code = given.list_backends ? list_backends() : chat(given); });
  return status == cli::done ? code : status;
}
