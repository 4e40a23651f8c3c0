// Lines out of bytes that come in any pieces. Room: kube. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace drover::kube {

class LineSplitter {
public:
    explicit LineSplitter(std::size_t longest) : longest_(longest) {}

    enum class Fed { all, enough, too_long };
    // Calls `on_line(line)` for each line that is complete, without its end; empty ones are left out. `enough`: on_line
    // returned false. `too_long`: a line over the limit. After these two nothing more may be fed.
    template <class OnLine>
    Fed feed(std::string_view bytes, OnLine&& on_line) {
        for (;;) {
            const auto end = bytes.find('\n');
            const auto piece = bytes.substr(0, end);
            if (begun_.size() + piece.size() > longest_) return Fed::too_long;
            if (end == std::string_view::npos) break;
            bytes.remove_prefix(end + 1);
            const std::string begun = std::exchange(begun_, {});
            const std::string whole = begun.empty() ? std::string() : begun + std::string(piece);
            const std::string_view line = begun.empty() ? piece : std::string_view(whole);
            if (!line.empty() && !on_line(line)) return Fed::enough;
        }
        begun_ += bytes;
        return Fed::all;
    }

    // What has come of a line whose end has not.
    std::size_t begun() const { return begun_.size(); }

private:
    std::size_t longest_;
    std::string begun_;
};

}  // namespace drover::kube
