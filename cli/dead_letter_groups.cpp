#include "cli/dead_letter_groups.h"

#include <algorithm>

#include "src/jobqueue/utf8.h"

namespace drover::cli {
namespace {

constexpr std::size_t most_groups = 1000;
constexpr std::size_t most_message_bytes = 256;

bool is_letter_or_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           static_cast<unsigned char>(c) >= 0x80;
}
bool is_of_word(char c) {
    return is_letter_or_digit(c) || std::string_view("-_.:@/+%").find(c) != std::string_view::npos;
}
bool varies(char c) { return (c >= '0' && c <= '9') || c == '@' || c == '/'; }

// Where the quote that opens at `begin` closes; npos where it does not. An apostrophe inside a word does neither.
std::size_t closing_quote(std::string_view text, std::size_t begin) {
    const char quote = text[begin];
    if (begin > 0 && is_letter_or_digit(text[begin - 1])) return std::string_view::npos;
    if (std::string_view("\"'`").find(quote) == std::string_view::npos) return std::string_view::npos;
    for (std::size_t end = text.find(quote, begin + 1); end != std::string_view::npos;
         end = text.find(quote, end + 1)) {
        if (end + 1 == text.size() || !is_letter_or_digit(text[end + 1])) return end;
    }
    return std::string_view::npos;
}

}  // namespace

std::string message_shape(std::string_view message) {
    const std::string text = jobqueue::clean_line(message, most_message_bytes);
    const std::string_view all = text;
    std::string shape;
    for (std::size_t at = 0; at < all.size();) {
        if (const auto end = closing_quote(all, at); end != std::string_view::npos) {
            shape.append(1, all[at]).append("…").append(1, all[at]);
            at = end + 1;
        } else if (is_of_word(all[at])) {
            std::string_view word = all.substr(at);
            word = word.substr(0, static_cast<std::size_t>(std::ranges::find_if_not(word, is_of_word) - word.begin()));
            at += word.size();
            std::string_view core = word;  // without the full stop or the colon behind it
            while (!core.empty() && (core.back() == '.' || core.back() == ':')) core.remove_suffix(1);
            shape += std::ranges::any_of(core, varies) ? "#" : core;
            shape += word.substr(core.size());
        } else {
            shape += all[at++];
        }
    }
    return shape;
}

void DeadLetterGroups::add(const letters::DeadLetter& letter, bool redriven) {
    ++count_;
    if (redriven) ++redriven_;
    std::pair key(letter.error_class, message_shape(letter.message));
    if (!groups_.contains(key) && groups_.size() >= most_groups) key = {"(other errors)", ""};
    Group& group = groups_[key];
    DeadLetterGroup& shown = group.shown;
    if (shown.count == 0) {
        shown.error_class = key.first;
        shown.shape = key.second;
        shown.first = shown.last = letter.failed_at;
    }
    ++shown.count;
    if (redriven) ++shown.redriven;
    shown.first = std::min(shown.first, letter.failed_at);
    shown.last = std::max(shown.last, letter.failed_at);
    const bool better = redriven == group.example_is_open ? !redriven : letter.failed_at >= group.example_at;
    if (shown.count > 1 && !better) return;
    group.example_is_open = !redriven;
    group.example_at = letter.failed_at;
    shown.example_job = letter.job_id;
    shown.example_message = letter.message;
}

std::vector<DeadLetterGroup> DeadLetterGroups::by_count() const {
    std::vector<DeadLetterGroup> all;
    for (const auto& [key, group] : groups_) all.push_back(group.shown);
    std::ranges::stable_sort(all, [](const DeadLetterGroup& a, const DeadLetterGroup& b) {
        return a.open() != b.open() ? a.open() > b.open() : a.count > b.count;
    });
    return all;
}

}  // namespace drover::cli
