// What happened to an object, as people read it in `kubectl describe`: events.k8s.io/v1. Room: kube. Pure: one owner.
//
// The same note about the same object within six minutes is one Event, whose count goes up: written at first, and then
// at most once a minute. So a trouble that lasts costs little.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include <nlohmann/json.hpp>

#include "src/base/time.h"
#include "src/kube/object_key.h"

namespace drover::kube {

// Longer texts are cut to what Kubernetes takes.
struct EventNote {
    enum class Type { normal, warning };
    Type type = Type::normal;
    std::string reason;  // CamelCase, for programs: "TopicsCreated"
    std::string action;  // what was done or tried: "CreateTopics"
    std::string note;    // for people
};

// For ApiClient::create(), or for merge_patch() of an Event that was created before. An Event that somebody deleted is
// created again after six minutes.
struct EventWrite {
    ObjectKey key;
    bool create = false;
    nlohmann::json body;
};

class EventRecorder {
public:
    static constexpr Duration same_within = std::chrono::minutes(6);
    static constexpr Duration write_interval = std::chrono::minutes(1);
    static constexpr std::size_t most_remembered = 1000;  // beyond them the quietest is forgotten

    // `instance`: which replica, e.g. the pod's name.
    EventRecorder(std::string controller, std::string instance);

    // Nothing: there is nothing to write now. `object` has apiVersion, kind and metadata.
    std::optional<EventWrite> record(const nlohmann::json& object, const EventNote& note, Time now);

private:
    using Same = std::tuple<std::string, EventNote::Type, std::string, std::string, std::string>;
    struct Series {
        ObjectKey key;
        std::int64_t count = 1;
        Time last_seen{};
        Time last_written{};
    };
    void forget_one();

    std::string controller_;
    std::string instance_;
    std::map<Same, Series> series_;
    Time last_named_{};
};

}  // namespace drover::kube
