// What the worker has been given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drover::bench {

struct Counts {
    std::uint64_t jobs = 0, repeated = 0;
    std::uint64_t disordered = 0;  // came after a later job of their key
    std::uint64_t refused = 0;     // answers of the sidecar's port that were not a 200
    std::int64_t first = 0, last = 0;
    std::vector<bool> seen;
    std::vector<std::int64_t> last_of_key;
    std::vector<float> latencies;  // ms

    void add(std::string_view payload);
    // JSON. Cheap.
    std::string totals() const;
    // JSON. Sorts.
    std::string quantiles() const;
};

struct Item {
    std::string_view id, lease;
    std::string_view payload;  // begins there; ends where it may
};

// The next one of a list of jobs, as the sidecar writes it in a batch or for a pull; `jobs` is what is left of the
// list.
std::optional<Item> next_item(std::string_view& jobs);

}  // namespace drover::bench
