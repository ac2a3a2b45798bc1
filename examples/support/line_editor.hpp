#pragma once

// Needs libedit, a package that the build looks for: include it only where TULU_HAVE_LIBEDIT is defined.

#include <clocale>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <histedit.h>
#include <langinfo.h>
#include <unistd.h>

#include "input_history.hpp"
#include "line_reader.hpp"
#include <tulu/core/error.hpp>
#include <tulu/core/utf8.hpp>

namespace cli {

namespace detail {

struct close_editline {
  void operator()(EditLine* editor) const noexcept { el_end(editor); }
};
struct close_history {
  void operator()(HistoryW* history) const noexcept { history_wend(history); }
};
struct close_file {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

// wchar_t holds a code point wherever libedit's wide interface is used: Linux, the BSDs, macOS.
static_assert(sizeof(wchar_t) == sizeof(char32_t));

[[nodiscard]] inline std::wstring to_wide(std::string_view text) {
  std::wstring out;
  while (!text.empty()) {
    const tulu::utf8_char next = tulu::read_utf8(text);
    out += static_cast<wchar_t>(next.code);
    text.remove_prefix(next.length);
  }
  return out;
}

[[nodiscard]] inline std::string to_utf8(std::wstring_view text) {
  std::string out;
  for (const wchar_t c : text) tulu::append_utf8(out, static_cast<char32_t>(c));
  return out;
}

}  // namespace detail

/// Lets libedit draw all of Unicode: a locale whose characters are UTF-8, the user's own if it is one.
inline void use_utf8_locale() {
  const char* const own = std::setlocale(LC_CTYPE, "");
  if (own == nullptr || std::string_view{::nl_langinfo(CODESET)} != "UTF-8") std::setlocale(LC_CTYPE, "C.UTF-8");
}

/// Lines edited on a terminal, with the history of all sessions: libedit's Emacs keys (or what ~/.editrc says), Home,
/// End and word jumps as terminals send them. Text that the terminal marks as pasted becomes part of the line, its line
/// ends included. Draws on stderr; needs use_utf8_locale first.
class line_editor : public line_reader {
 public:
  line_editor(interrupts& signals, input_history history)
      : bytes_{STDIN_FILENO, signals},
        saved_{std::move(history)},
        screen_{::fdopen(::dup(STDERR_FILENO), "w")},
        history_{history_winit()} {
    if (screen_ == nullptr || history_ == nullptr) throw tulu::error{"line editor: cannot use the terminal"};
    editor_.reset(el_init("chat", stdin, screen_.get(), screen_.get()));
    if (editor_ == nullptr) throw tulu::error{"line editor: cannot use the terminal"};
    HistEventW event{};
    history_w(history_.get(), &event, H_SETSIZE, static_cast<int>(input_history::longest));
    history_w(history_.get(), &event, H_SETUNIQUE, 1);
    for (const std::string& entry : saved_.load()) enter(entry);
    set_up();
  }

  [[nodiscard]] input_line read(std::string_view prompt) override {
    prompt_ = detail::to_wide(prompt);
    event_ = input_event::byte;
    el_wset(editor_.get(), EL_CLIENTDATA, this);
    // libedit draws the prompt first: the terminal itself would edit what is typed until the mode is changed.
    int edits = 0;
    if (el_wget(editor_.get(), EL_EDITMODE, &edits) == 0 && edits != 0) el_wset(editor_.get(), EL_PREP_TERM, 1);
    std::fputs("\033[?2004h", screen_.get());
    int count = 0;
    const wchar_t* found = el_wgets(editor_.get(), &count);
    input_line line{line_status::read, {}};
    if (event_ == input_event::interrupted) {
      line = {line_status::interrupted, std::move(interrupted_text_)};
      std::fputs("^C\n", screen_.get());
    } else if (found == nullptr || count <= 0) {
      line.status = line_status::end;
      std::fputs("\n", screen_.get());
    } else {
      line.text = detail::to_utf8({found, static_cast<std::size_t>(count)});
      if (line.text.ends_with('\n')) line.text.pop_back();
    }
    std::fputs("\033[?2004l", screen_.get());
    std::fflush(screen_.get());
    return line;
  }

  void remember(const std::string& text) override {
    enter(text);
    saved_.append(text);
  }

 private:
  void enter(const std::string& text) {
    HistEventW event{};
    history_w(history_.get(), &event, H_ENTER, detail::to_wide(text).c_str());
  }

  void set_up() {
    EditLine* const editor = editor_.get();
    el_wset(editor, EL_CLIENTDATA, this);
    el_wset(editor, EL_EDITOR, L"emacs");
    el_wset(editor, EL_SIGNAL, 0);
    el_wset(editor, EL_SETTY, L"-d", L"-inlcr", L"-icrnl", nullptr);  // so that CR LF in a paste is one line end
    el_wset(editor, EL_GETCFN, &line_editor::read_character);
    el_wset(editor, EL_PROMPT, &line_editor::prompt_of);
    el_wset(editor, EL_HIST, history_w, history_.get());
    el_wset(editor, EL_ADDFN, L"tulu-paste", L"Insert pasted text", &line_editor::paste);
    constexpr std::pair<const wchar_t*, const wchar_t*> keys[] = {
        {L"\033[200~", L"tulu-paste"},   {L"\033[1~", L"ed-move-to-beg"},      {L"\033[7~", L"ed-move-to-beg"},
        {L"\033[H", L"ed-move-to-beg"},  {L"\033[4~", L"ed-move-to-end"},      {L"\033[8~", L"ed-move-to-end"},
        {L"\033[F", L"ed-move-to-end"},  {L"\033[3~", L"ed-delete-next-char"}, {L"\033[1;5D", L"ed-prev-word"},
        {L"\033[1;5C", L"em-next-word"}, {L"\033[1;3D", L"ed-prev-word"},      {L"\033[1;3C", L"em-next-word"},
        {L"\033[5D", L"ed-prev-word"},   {L"\033[5C", L"em-next-word"},        {L"^R", L"em-inc-search-prev"},
        {L"^W", L"ed-delete-prev-word"},
    };
    for (const auto& [key, function] : keys) el_wset(editor, EL_BIND, key, function, nullptr);
    el_source(editor, nullptr);
  }

  [[nodiscard]] static line_editor& self(EditLine* editor) {
    void* data = nullptr;
    el_wget(editor, EL_CLIENTDATA, &data);
    return *static_cast<line_editor*>(data);
  }

  static wchar_t* prompt_of(EditLine* editor) { return self(editor).prompt_.data(); }

  static int read_character(EditLine* editor, wchar_t* character) { return self(editor).next_character(*character); }

  /// 1 and a character, 0 at the end, -1 when a signal ends the line.
  int next_character(wchar_t& character) {
    while (pending_.empty() || tulu::complete_utf8_prefix(pending_) == 0) {
      char byte = 0;
      event_ = bytes_.next(byte);
      switch (event_) {
        case input_event::byte:
          pending_ += byte;
          break;
        case input_event::end:
          return 0;
        case input_event::interrupted:
          return interrupt();
        case input_event::resized:
          el_resize(editor_.get());
          break;
        case input_event::continued:
          redraw();
          break;
      }
    }
    const tulu::utf8_char next = tulu::read_utf8(pending_);
    pending_.erase(0, next.length);
    character = static_cast<wchar_t>(next.code);
    return 1;
  }

  int interrupt() {
    const LineInfoW* line = el_wline(editor_.get());
    interrupted_text_ = detail::to_utf8({line->buffer, static_cast<std::size_t>(line->lastchar - line->buffer)});
    pending_.clear();
    return -1;
  }

  /// After a stop the shell may have left the terminal in another mode.
  void redraw() {
    el_wset(editor_.get(), EL_PREP_TERM, 0);
    el_wset(editor_.get(), EL_PREP_TERM, 1);
    std::fputs("\033[?2004h", screen_.get());
    el_wset(editor_.get(), EL_REFRESH);
  }

  /// What the terminal sends between the marks of a paste goes into the line; line ends become LF, and control
  /// characters other than tabs are left out.
  static unsigned char paste(EditLine* editor, wint_t) {
    constexpr std::wstring_view end = L"\033[201~";
    std::wstring text;
    while (!text.ends_with(end)) {
      wchar_t next = 0;
      if (el_wgetc(editor, &next) != 1) return CC_EOF;
      text += next;
    }
    text.resize(text.size() - end.size());
    std::wstring kept;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == L'\r') {
        if (i + 1 == text.size() || text[i + 1] != L'\n') kept += L'\n';
      } else if (text[i] == L'\n' || text[i] == L'\t' || (text[i] >= L' ' && text[i] != 0x7f)) {
        kept += text[i];
      }
    }
    return el_winsertstr(editor, kept.c_str()) == 0 || kept.empty() ? CC_REFRESH : CC_REFRESH_BEEP;
  }

  byte_source bytes_;
  input_history saved_;
  std::unique_ptr<std::FILE, detail::close_file> screen_;
  std::unique_ptr<HistoryW, detail::close_history> history_;
  std::unique_ptr<EditLine, detail::close_editline> editor_{};
  std::wstring prompt_{};
  std::string pending_{};           ///< bytes that are not yet characters
  std::string interrupted_text_{};  ///< what Ctrl-C found in the line
  input_event event_ = input_event::byte;
};

}  // namespace cli
