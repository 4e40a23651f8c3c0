// The app's requests for jobs, where it pulls: they wait here until there are some. Room: sidecar. Owner thread: the
// loop.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/batch.h"
#include "src/base/time.h"

namespace drover::sidecar {

class Pulls {
public:
    // {"jobs":[…]}, each as in a batch; none when the time is over.
    using Reply = std::function<void(std::string)>;
    static constexpr std::string_view draining_answer = R"({"jobs":[],"drain":true})";

    using Id = std::uint64_t;
    static constexpr Id none = 0;

    Id add(std::size_t most, Time until, std::optional<Duration> lease_lasts, Reply reply);
    // Ends a wait, without jobs. False where it is over, or has got something.
    bool withdraw(Id id);

    // For how many jobs they wait.
    std::size_t demand() const;
    // The oldest one gets it, and no other that comes before answer(). Returns how long its lease is to last, where it
    // says so. `item` and what it refers to must stay until answer().
    std::optional<Duration> give(const BatchItem& item);
    // Replies to those that got something, and to those whose time is over by `now`.
    void answer(Time now);
    // To all, at a drain: nobody will have jobs for them.
    void answer_all();
    // When answer() is to be called at the latest.
    std::optional<Time> next_end() const;

private:
    struct Pull {
        Id id = none;
        std::size_t most = 1;
        Time until{};
        std::optional<Duration> lease_lasts;
        Reply reply;
        std::vector<BatchItem> items;
    };
    static void reply_to(const Pull& pull);

    std::list<Pull> waiting_;
    Id last_ = none;
};

}  // namespace drover::sidecar
