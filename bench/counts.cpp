#include "bench/counts.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace drover::bench {
namespace {

constexpr std::int64_t most_jobs = 100'000'000, most_keys = 1'000'000;
constexpr std::size_t most_latencies = 2'000'000;
constexpr std::size_t before_padding = 96;

std::int64_t now_micros() {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

// -1 where there is none.
std::int64_t number_after(std::string_view text, std::string_view name) {
    const auto at = text.find(name);
    return at == std::string_view::npos ? -1 : std::strtoll(text.data() + at + name.size(), nullptr, 10);
}

bool skip_past(std::string_view& text, std::string_view what) {
    const auto at = text.find(what);
    if (at == std::string_view::npos) return false;
    text.remove_prefix(at + what.size());
    return true;
}

}  // namespace

void Counts::add(std::string_view payload) {
    const std::string_view head = payload.substr(0, before_padding);
    last = now_micros();
    if (first == 0) first = last;
    ++jobs;
    const std::int64_t number = number_after(head, "\"job\":");
    if (number >= 0 && number < most_jobs) {
        const auto index = static_cast<std::size_t>(number);
        if (index >= seen.size()) seen.resize(index + 1'000'000);
        if (seen[index]) ++repeated;
        seen[index] = true;
    }
    const std::int64_t made = number_after(head, "\"made\":");
    if (made > 0 && latencies.size() < most_latencies) latencies.push_back(static_cast<float>(last - made) / 1000);
    const std::int64_t key = number_after(head, "\"key\":");
    if (key >= 0 && key < most_keys) {
        const auto index = static_cast<std::size_t>(key);
        if (index >= last_of_key.size()) last_of_key.resize(index + 1, -1);
        if (number < last_of_key[index]) ++disordered;
        last_of_key[index] = std::max(last_of_key[index], number);
    }
}

std::string Counts::totals() const {
    char line[256];
    std::snprintf(line, sizeof line,
                  "{\"jobs\":%llu,\"repeated\":%llu,\"disordered\":%llu,\"refused\":%llu,\"first_us\":%lld,"
                  "\"last_us\":%lld}\n",
                  static_cast<unsigned long long>(jobs), static_cast<unsigned long long>(repeated),
                  static_cast<unsigned long long>(disordered), static_cast<unsigned long long>(refused),
                  static_cast<long long>(first), static_cast<long long>(last));
    return line;
}

std::string Counts::quantiles() const {
    std::vector<float> sorted = latencies;
    std::ranges::sort(sorted);
    const auto at = [&](double q) {
        return sorted.empty() ? 0.0 : sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1))];
    };
    char line[64];
    std::snprintf(line, sizeof line, "{\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n", at(0.5), at(0.99));
    return line;
}

std::optional<Item> next_item(std::string_view& jobs) {
    Item item;
    if (!skip_past(jobs, "{\"id\":\"")) return std::nullopt;
    item.id = jobs.substr(0, jobs.find('"'));
    if (!skip_past(jobs, "\"lease\":\"")) return std::nullopt;
    item.lease = jobs.substr(0, jobs.find('"'));
    if (!skip_past(jobs, "\"payload\":")) return std::nullopt;
    item.payload = jobs;
    return item;
}

}  // namespace drover::bench
