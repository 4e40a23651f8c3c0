#include "sidecar/core/finished_window.h"

#include <algorithm>
#include <deque>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace drover::sidecar {
namespace {

// Computed by a program in another language, from the header's words.
TEST(Fingerprint, A16_is_the_same_in_every_version) {
    EXPECT_EQ(fingerprint("", 0, 0, 0), 0xd9645d820759e323);
    EXPECT_EQ(fingerprint("default.email-3-1042", 0, 0, 0), 0x5970b09004d43a7e);
    EXPECT_EQ(fingerprint("default.email-3-1042", 0, 1, 0), 0x384b52a1bf63ba1f);
    EXPECT_EQ(fingerprint("default.email-3-1042", 1, 0, 0), 0x90240ad07d1ab62a);
    EXPECT_EQ(fingerprint("default.email-3-1042", 0, 0, 1), 0x806dd83976a8492c);
    EXPECT_EQ(fingerprint(std::string_view("0193-\xC3\xA9\0", 8), 12, 34, 56), 0x8ca0992d2438699d);
}

TEST(Fingerprint, tries_that_differ_in_little_differ_and_spread_over_all_of_a_table) {
    std::set<Fingerprint> prints;
    std::set<Fingerprint> low_bits;
    for (int i = 0; i < 2000; ++i) {
        for (int attempt = 0; attempt < 5; ++attempt) {
            const Fingerprint print = fingerprint("default.email-0-" + std::to_string(i), 0, attempt, 0);
            prints.insert(print);
            low_bits.insert(print & 0xFFFF);
        }
    }
    EXPECT_EQ(prints.size(), 10'000U);
    EXPECT_GT(low_bits.size(), 9'000U);  // 65,536 × (1 − e^(−10,000/65,536)) = 9,273 by chance
    EXPECT_NE(fingerprint("1", 1, 1, 11), fingerprint("1 1", 1, 1, 1));
}

// The same by brute force: a queue that is searched.
class NaiveWindow {
public:
    explicit NaiveWindow(std::size_t capacity) : capacity_(capacity) {}
    bool add(Fingerprint print) {
        if (contains(print)) return false;
        prints_.push_back(print);
        if (prints_.size() > capacity_) prints_.pop_front();
        return true;
    }
    bool forget(Fingerprint print) { return std::erase(prints_, print) > 0; }
    bool contains(Fingerprint print) const { return std::ranges::find(prints_, print) != prints_.end(); }
    std::size_t size() const { return prints_.size(); }

private:
    std::size_t capacity_;
    std::deque<Fingerprint> prints_;
};

RC_GTEST_PROP(FinishedWindow, A16_agrees_with_a_queue_that_is_searched, ()) {
    const auto capacity = *rc::gen::element<std::size_t>(0, 1, 2, 12, 13, 40);
    const auto universe = *rc::gen::element<std::uint64_t>(10, 30, 100);
    const auto stride = *rc::gen::element<std::uint64_t>(1, 16, 1ULL << 40);  // the last two collide in the table
    FinishedWindow window(capacity);
    NaiveWindow naive(capacity);
    const auto steps = *rc::gen::inRange(0, 300);
    for (int i = 0; i < steps; ++i) {
        const Fingerprint print = stride * *rc::gen::inRange<std::uint64_t>(0, universe);
        if (*rc::gen::weightedElement<bool>({{3, true}, {1, false}})) {
            RC_ASSERT(window.add(print) == naive.add(print));
        } else {
            RC_ASSERT(window.forget(print) == naive.forget(print));
        }
        RC_ASSERT(window.size() == naive.size());
        for (std::uint64_t n = 0; n < universe; ++n)
            RC_ASSERT(window.contains(n * stride) == naive.contains(n * stride));
    }
}

TEST(FinishedWindow, A16_its_memory_grows_with_what_it_holds_and_then_not_any_more) {
    constexpr std::size_t capacity = 10'000;
    FinishedWindow window(capacity);
    EXPECT_EQ(window.memory_bytes(), 0U);
    for (int i = 0; i < 100; ++i) window.add(fingerprint("a", 0, 0, i));
    EXPECT_LT(window.memory_bytes(), 100U * 48);
    for (int i = 100; i < 10'000; ++i) window.add(fingerprint("a", 0, 0, i));
    const std::size_t full = window.memory_bytes();
    EXPECT_LE(full, capacity * 24);
    for (int i = 10'000; i < 100'000; ++i) {
        window.add(fingerprint("a", 0, 0, i));
        if (i % 3 == 0) window.forget(fingerprint("a", 0, 0, i - 7));
    }
    EXPECT_EQ(window.memory_bytes(), full);
    EXPECT_LE(window.size(), capacity);
    EXPECT_TRUE(window.contains(fingerprint("a", 0, 0, 99'999)));
    EXPECT_FALSE(window.contains(fingerprint("a", 0, 0, 50'000)));
}

}  // namespace
}  // namespace drover::sidecar
