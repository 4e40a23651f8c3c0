// A delivery engine with one partition, number 1, and an app that is up, for tests of single situations.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "sidecar/core/delivery_engine.h"

namespace drover::sidecar {

class EngineFixture : public testing::Test {
protected:
    EngineFixture() {
        using namespace std::chrono_literals;
        config.retry = {.max_attempts = 3, .initial = 1s, .jitter = 0};
        config.retry_steps = {1s, 2s};
        config.concurrency = 2;
    }

    void start(jobqueue::CommitMetadata metadata = {}) {
        engine.emplace(config, 1);
        step(event::Assigned{1, 0, std::move(metadata)});
        step(event::WorkerProbed{true});
    }
    void step(Event event) {
        const auto seen = engine->step(std::move(event), now);
        actions.assign(seen.begin(), seen.end());
    }
    void pass(Duration time) {
        now += time;
        step(event::Tick{});
    }
    void arrive(Slot slot, std::optional<std::uint64_t> key = std::nullopt) {
        step(event::Arrived{
            .assignment = 1, .slot = slot, .offset = slot, .bytes = 100, .key = key, .appended_at = now});
    }
    void answer(Lease lease, Outcome::Verdict verdict, std::string error_class = "Boom") {
        step(event::Answered{lease, {.verdict = verdict, .cause = {.error_class = std::move(error_class)}}});
    }
    template <class What>
    std::vector<What> all() const {
        std::vector<What> found;
        for (const Action& action : actions) {
            if (const What* what = std::get_if<What>(&action)) found.push_back(*what);
        }
        return found;
    }
    template <class What>
    std::ptrdiff_t count() const {
        return std::ranges::count_if(actions, [](const Action& a) { return std::holds_alternative<What>(a); });
    }
    // The only action of its kind in the last step.
    template <class What>
    What the() const {
        EXPECT_EQ(count<What>(), 1);
        for (const Action& action : actions) {
            if (const What* what = std::get_if<What>(&action)) return *what;
        }
        return {};
    }

    EngineConfig config;
    std::optional<DeliveryEngine> engine;
    Time now = time_from_millis(1'800'000'000'000);
    std::vector<Action> actions;
};

}  // namespace drover::sidecar
