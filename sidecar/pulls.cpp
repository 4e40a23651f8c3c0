#include "sidecar/pulls.h"

#include <algorithm>
#include <utility>

namespace drover::sidecar {

Pulls::Id Pulls::add(std::size_t most, Time until, std::optional<Duration> lease_lasts, Reply reply) {
    waiting_.push_back({++last_, most, until, lease_lasts, std::move(reply), {}});
    return last_;
}

bool Pulls::withdraw(Id id) {
    const auto pull = std::ranges::find(waiting_, id, &Pull::id);
    if (pull == waiting_.end() || !pull->items.empty()) return false;
    std::list<Pull> over;
    over.splice(over.end(), waiting_, pull);
    reply_to(over.front());
    return true;
}

std::size_t Pulls::demand() const {
    std::size_t jobs = 0;
    for (const Pull& pull : waiting_) jobs += pull.most - pull.items.size();
    return jobs;
}

std::optional<Duration> Pulls::give(const BatchItem& item) {
    for (Pull& pull : waiting_) {
        if (pull.items.size() == pull.most) continue;
        pull.items.push_back(item);
        return pull.lease_lasts;
    }
    return std::nullopt;
}

void Pulls::answer(Time now) {
    std::list<Pull> over;
    for (auto pull = waiting_.begin(); pull != waiting_.end();) {
        const auto next = std::next(pull);
        if (!pull->items.empty() || pull->until <= now) over.splice(over.end(), waiting_, pull);
        pull = next;
    }
    for (const Pull& pull : over) reply_to(pull);
}

void Pulls::answer_all() {
    for (const Pull& pull : std::exchange(waiting_, {})) pull.reply(std::string(draining_answer));
}

std::optional<Time> Pulls::next_end() const {
    if (waiting_.empty()) return std::nullopt;
    return std::ranges::min_element(waiting_, {}, &Pull::until)->until;
}

void Pulls::reply_to(const Pull& pull) {
    std::string jobs;
    write_batch(pull.items, jobs);
    pull.reply("{\"jobs\":" + jobs + "}");
}

}  // namespace drover::sidecar
