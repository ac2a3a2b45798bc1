#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/chat/chat_template.hpp>
#include <tulu/chat/message.hpp>
#include <tulu/core/error.hpp>
#include <tulu/core/python_space.hpp>
#include <tulu/generation/context_policy.hpp>
#include <tulu/generation/encode_prompt.hpp>
#include <tulu/generation/generated_ids.hpp>
#include <tulu/generation/generator.hpp>
#include <tulu/generation/session_state.hpp>

namespace tulu {

struct reply_result : generation_result {
  std::size_t dropped_messages = 0;  ///< how many of the oldest messages the prompt lacked, beside the system message
  std::size_t newly_dropped = 0;     ///< of these, the ones that the prompt before still had
};

/// A conversation with a model. For each turn the whole conversation is rendered and encoded as a whole; of that, only
/// what the cache does not hold yet is computed (see generated_ids for what becomes of old answers).
///
/// When a call throws, the session is as before it. An answer that was ended early, be it by a stop request, is kept as
/// far as it came; when that was nothing, the session is as before. One call at a time.
template <language_model Model>
class chat_session {
 public:
  /// `model` is the caller's and outlives the session. What ends an answer by `format` is added to `options`.
  chat_session(Model& model, tokenizer source, chat::any_template format, generation_options options = {},
               context_options context = {})
      : format_{std::move(format)},
        end_{find_answer_end(source, format_.stops())},
        policy_{context.policy},
        answers_{source},
        generator_{model, source, with_ends(options, model), context} {
    options_ = std::move(options);
  }

  /// Says `text` to the model and hands its answer to `callback`; see generator::generate.
  template <answer_callback Callback>
  reply_result reply(std::string text, Callback&& callback, std::stop_token stop = {}) {
    std::vector<chat::message> conversation = messages_;
    conversation.push_back({chat::role::user, std::move(text)});
    return respond(std::move(conversation), callback, std::move(stop));
  }
  reply_result reply(std::string text, std::stop_token stop = {}) {
    return reply(
        std::move(text), [](const generated_piece&) { return true; }, std::move(stop));
  }

  /// Replaces the last answer by a new one, drawn by the random numbers that follow. Throws when there is none.
  template <answer_callback Callback>
  reply_result regenerate(Callback&& callback, std::stop_token stop = {}) {
    std::vector<chat::message> conversation = messages_;
    while (!conversation.empty() && conversation.back().from == chat::role::assistant) conversation.pop_back();
    if (conversation.empty() || conversation.back().from != chat::role::user)
      throw error{"regenerate: the conversation has nothing to answer"};
    return respond(std::move(conversation), callback, std::move(stop));
  }
  reply_result regenerate(std::stop_token stop = {}) {
    return regenerate([](const generated_piece&) { return true; }, std::move(stop));
  }

  /// Takes back the last message of the user and what followed it. False when there is none.
  bool undo() noexcept {
    const auto last = std::find_if(messages_.rbegin(), messages_.rend(),
                                   [](const chat::message& each) { return each.from == chat::role::user; });
    if (last == messages_.rend()) return false;
    messages_.erase(last.base() - 1, messages_.end());
    dropped_turns_ = 0;
    return true;
  }

  /// Forgets all messages but the system message.
  void clear() noexcept {
    messages_.erase(messages_.begin() + static_cast<std::ptrdiff_t>(has_system(messages_)), messages_.end());
    dropped_turns_ = 0;
  }

  /// The system message that the conversation begins with; empty when there is none.
  [[nodiscard]] std::string_view system() const noexcept {
    return has_system(messages_) ? std::string_view{messages_.front().content} : std::string_view{};
  }
  /// Sets it, for the answers to come; none when `text` is empty.
  void set_system(std::string text) {
    if (text.empty()) {
      if (has_system(messages_)) messages_.erase(messages_.begin());
    } else if (has_system(messages_)) {
      messages_.front().content = std::move(text);
    } else {
      messages_.insert(messages_.begin(), {chat::role::system, std::move(text)});
    }
    dropped_turns_ = 0;
  }

  /// Of an answer, the text without whitespace at its ends, unless only the whole text makes the prompt go on as the
  /// model saw it.
  [[nodiscard]] std::span<const chat::message> messages() const noexcept { return messages_; }
  [[nodiscard]] const chat::any_template& format() const noexcept { return format_; }
  /// What the last answer took.
  [[nodiscard]] const generation_stats& stats() const noexcept { return stats_; }
  [[nodiscard]] const generator<Model>& source() const noexcept { return generator_; }

  [[nodiscard]] const generation_options& options() const noexcept { return options_; }
  /// For the answers to come; see generator::set_options.
  void set_options(generation_options options) {
    generator_.set_options(with_ends(options, generator_.model()));
    options_ = std::move(options);
  }

  /// The random numbers of the answers to come.
  [[nodiscard]] rng& random() noexcept { return generator_.random(); }

  [[nodiscard]] session_state state() const {
    return {std::string{format_.name()}, messages_, options_, generator_.random().state()};
  }
  /// Takes a conversation up again; it may have been held in another template. Throws when its options are out of
  /// range.
  void restore(session_state state) {
    const rng random = rng::from_state(state.random);
    set_options(std::move(state.options));
    generator_.random() = random;
    messages_ = std::move(state.messages);
    dropped_turns_ = 0;
  }

 private:
  /// The ids of a prompt.
  struct prompt_ids {
    std::vector<token_id> encoded{};  ///< as the tokenizer has them
    std::vector<token_id> ids{};      ///< as the model gets them
    std::size_t dropped_turns = 0;
  };
  using message_list = std::span<const chat::message>;

  [[nodiscard]] static bool has_system(message_list messages) noexcept {
    return !messages.empty() && messages.front().from == chat::role::system;
  }

  /// Where each turn of the conversation begins: behind the system message, and at every user message from the second.
  [[nodiscard]] static std::vector<std::size_t> turns_of(message_list messages) {
    std::vector<std::size_t> begins;
    bool asked = false;
    for (std::size_t i = has_system(messages) ? 1 : 0; i < messages.size(); ++i) {
      const bool user = messages[i].from == chat::role::user;
      if (begins.empty() || (user && asked)) begins.push_back(i);
      asked = asked || user;
    }
    return begins;
  }

  [[nodiscard]] generation_options with_ends(generation_options options, const Model& model) const {
    options.stop.insert(options.stop.end(), end_.texts.begin(), end_.texts.end());
    if (!options.stop_tokens) {
      options.stop_tokens = end_.ids;
      const auto& of_model = model.config().eos_token_ids;
      options.stop_tokens->insert(options.stop_tokens->end(), of_model.begin(), of_model.end());
    }
    return options;
  }

  [[nodiscard]] prompt_ids encode_from(message_list messages, std::size_t first) const {
    std::vector<chat::message> kept(messages.begin(), messages.begin() + (has_system(messages) ? 1 : 0));
    kept.insert(kept.end(), messages.begin() + static_cast<std::ptrdiff_t>(first), messages.end());
    prompt_ids prompt{encode_prompt(generator_.source(), format_.render(kept, true))};
    prompt.ids = answers_.put_into(prompt.encoded);
    return prompt;
  }

  /// The prompt for an answer to `messages`, by the context policy.
  [[nodiscard]] prompt_ids fit(message_list messages, std::span<const std::size_t> turns) const {
    const std::size_t capacity = generator_.cache().capacity();
    const std::size_t room = answer_room(policy_, capacity, options_.max_new_tokens);
    if (policy_ != context_policy::drop_oldest_turns) {
      prompt_ids prompt = encode_from(messages, turns.front());
      require_fit(prompt.ids.size(), room, capacity, "prompt");
      return prompt;
    }
    prompt_ids prompt;
    const auto encode_without = [&](std::size_t count) {
      prompt = encode_from(messages, turns[count]);
      prompt.dropped_turns = count;
      return prompt.ids.size();
    };
    const std::size_t count = turns_to_drop(turns.size(), dropped_turns_, room, capacity, encode_without);
    if (count != prompt.dropped_turns || prompt.ids.empty()) encode_without(count);
    require_fit(prompt.ids.size(), 0, capacity, "prompt, of the system message and the newest turn alone");
    return prompt;
  }

  /// `conversation` ends with the message to answer. Becomes the session's when there is an answer.
  template <class Callback>
  reply_result respond(std::vector<chat::message> conversation, Callback& callback, std::stop_token stop) {
    const std::vector<std::size_t> turns = turns_of(conversation);
    prompt_ids prompt = fit(conversation, turns);
    const rng random = generator_.random();
    reply_result result;
    try {
      static_cast<generation_result&>(result) = generator_.generate(prompt.ids, callback, std::move(stop));
      const auto dropped = [&](std::size_t count) { return turns[std::min(count, turns.size() - 1)] - turns.front(); };
      result.dropped_messages = dropped(prompt.dropped_turns);
      result.newly_dropped = result.dropped_messages - std::min(result.dropped_messages, dropped(dropped_turns_));
      stats_ = result.stats;
      if (result.reason == end_reason::cancelled && result.ids.empty()) return result;
      std::string content = content_of(result.text, conversation, turns[prompt.dropped_turns]);
      conversation.push_back({chat::role::assistant, std::move(content)});
      answers_.add(std::move(prompt.encoded), result.ids, result.text);
    } catch (...) {
      generator_.random() = random;
      throw;
    }
    dropped_turns_ = prompt.dropped_turns;
    messages_ = std::move(conversation);
    return result;
  }

  /// The content of the message for an answer to `messages`: the one that the template shows as the model saw it.
  [[nodiscard]] std::string content_of(const std::string& text, message_list messages, std::size_t first) const {
    const std::string stripped{detail::strip(text)};
    if (stripped == text) return text;
    std::vector<chat::message> turn(messages.begin() + static_cast<std::ptrdiff_t>(first), messages.end());
    const std::string seen = chat::joined_text(format_.render(turn, true)) + text;
    turn.push_back({chat::role::assistant, text});
    const auto shows_it = [&] { return chat::joined_text(format_.render(turn, false)).starts_with(seen); };
    const bool whole = shows_it();
    turn.back().content = stripped;
    return whole && !shows_it() ? text : stripped;
  }

  chat::any_template format_;
  answer_end end_;
  context_policy policy_;
  generation_options options_;
  generated_ids answers_;
  generator<Model> generator_;
  std::vector<chat::message> messages_;
  generation_stats stats_;
  std::size_t dropped_turns_ = 0;
};

}  // namespace tulu
