// Keys, from the bytes that a terminal sends for them. Pure. Room: cli.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drover::cli {

struct Key {
    enum class Kind { character, up, down, page_up, page_down, home, end };
    Kind kind = Kind::character;
    char character = 0;  // of a character
    bool operator==(const Key&) const = default;
};

class Keys {
public:
    // The keys that are whole now; sequences that are no key of ours are left out.
    std::vector<Key> add(std::string_view bytes);

private:
    std::string rest_;  // of a sequence
};

}  // namespace drover::cli
