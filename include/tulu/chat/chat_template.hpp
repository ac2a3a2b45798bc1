#pragma once

#include <concepts>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <tulu/chat/message.hpp>
#include <tulu/chat/segment.hpp>

namespace tulu::chat {

/// How a model was taught to read a conversation:
/// - `name`: what command lines call it;
/// - `preferred_mode`: the name of the tokenizer mode that gives the ids of the training;
/// - `render(messages, add_generation_prompt)`: the conversation so far, with what stands before an answer at its end
///   if asked. Messages may come in any order. Only bos, eos and special segments become special tokens, so no content
///   can end a turn that is ended by one; turns that plain text divides (as in tulu, alpaca, vicuna) content can
///   imitate;
/// - `stops()`: what ends an answer besides the model's EOS token.
template <class Template>
concept chat_template = requires(const Template& format, std::span<const message> messages) {
  { Template::name } -> std::convertible_to<std::string_view>;
  { Template::preferred_mode } -> std::convertible_to<std::string_view>;
  { format.render(messages, true) } -> std::same_as<std::vector<segment>>;
  { format.stops() } -> std::same_as<std::vector<segment>>;
};

/// A chat template of any type, chosen at run time. Immutable and cheap to copy.
class any_template {
 public:
  template <chat_template Template>
  any_template(Template format) : format_{std::make_shared<const held<Template>>(std::move(format))} {}

  [[nodiscard]] std::string_view name() const noexcept { return format_->name(); }
  [[nodiscard]] std::string_view preferred_mode() const noexcept { return format_->preferred_mode(); }
  [[nodiscard]] std::vector<segment> render(std::span<const message> messages, bool add_generation_prompt) const {
    return format_->render(messages, add_generation_prompt);
  }
  [[nodiscard]] std::vector<segment> stops() const { return format_->stops(); }

 private:
  struct base {
    base() = default;
    base(const base&) = delete;
    base& operator=(const base&) = delete;
    virtual ~base() = default;
    [[nodiscard]] virtual std::string_view name() const noexcept = 0;
    [[nodiscard]] virtual std::string_view preferred_mode() const noexcept = 0;
    [[nodiscard]] virtual std::vector<segment> render(std::span<const message>, bool) const = 0;
    [[nodiscard]] virtual std::vector<segment> stops() const = 0;
  };
  template <chat_template Template>
  struct held final : base {
    explicit held(Template format) : format_{std::move(format)} {}
    [[nodiscard]] std::string_view name() const noexcept override { return Template::name; }
    [[nodiscard]] std::string_view preferred_mode() const noexcept override { return Template::preferred_mode; }
    [[nodiscard]] std::vector<segment> render(std::span<const message> messages, bool add) const override {
      return format_.render(messages, add);
    }
    [[nodiscard]] std::vector<segment> stops() const override { return format_.stops(); }
    Template format_;
  };

  std::shared_ptr<const base> format_;
};

}  // namespace tulu::chat
