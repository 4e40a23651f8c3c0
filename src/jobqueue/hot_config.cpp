#include "src/jobqueue/hot_config.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "src/jobqueue/node.h"

namespace drover::jobqueue {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using Place = json::json_pointer;

// Where they stand in the configuration's JSON.
constexpr const char* hot_fields[] = {"/generation",
                                      "/delivery/concurrency",
                                      "/delivery/timeout",
                                      "/delivery/rateLimit",
                                      "/delivery/keyRateLimit",
                                      "/delivery/batch/maxSize",
                                      "/delivery/batch/maxWait",
                                      "/delivery/maxPayload",
                                      "/retry/maxAttempts",
                                      "/retry/backoff",
                                      "/retry/initial",
                                      "/retry/maxDelay",
                                      "/retry/jitter",
                                      "/retry/delays",
                                      "/queueTopics"};

// What a later version may say about a rate is not for this one.
void drop_unknown(json& field, const Place& place) {
    if (place.back() != "rateLimit" && place.back() != "keyRateLimit") return;
    if (!field.is_object()) return;
    for (auto each = field.begin(); each != field.end();) {
        each = each.key() == "max" || each.key() == "per" ? std::next(each) : field.erase(each);
    }
}

// An `invalid` Error's message, or "".
std::string wrong_shape(const json& said) {
    for (const char* name : {"/delivery", "/delivery/batch", "/retry"}) {
        const Place place(name);
        if (said.contains(place) && !said[place].is_object() && !said[place].is_null())
            return place.back() + ": must be an object";
    }
    return "";
}

// An app that is given one job at a time knows no batches, and the other way round, until it is started anew.
void keep_batches_or_none(json& said, const SidecarConfig& base) {
    const Place batch("/delivery/batch"), most("/delivery/batch/maxSize");
    if (!said.contains(most) || !said[most].is_number_integer()) return;
    if ((said[most] > 1) != (base.delivery.batch_max_size > 1)) said[batch] = nullptr;
}

void take(json& config, const json& hot, const Place& place) {
    if (!hot.contains(place)) return;
    const json& said = hot.at(place);
    json& parent = config[place.parent_pointer()];
    if (said.is_null()) {
        parent.erase(place.back());
    } else {
        drop_unknown(parent[place.back()] = said, place);
    }
}

}  // namespace

std::string hot_config_of(const SidecarConfig& config) {
    const json whole = json::parse(to_json(config));
    ordered_json hot{{"uid", config.uid}};
    for (const char* field : hot_fields) {
        const Place place(field);
        // An absent field would leave what a pod was started with.
        hot[ordered_json::json_pointer(field)] = whole.contains(place) ? ordered_json(whole.at(place)) : ordered_json();
    }
    return hot.dump();
}

std::string cold_config_of(const SidecarConfig& config) {
    json cold = json::parse(to_json(config));
    for (const char* field : hot_fields) {
        const Place place(field);
        json& parent = cold[place.parent_pointer()];
        parent.erase(place.back());
    }
    cold["delivery"]["timeout"] = format_duration(config.delivery.timeout);
    cold["delivery"]["batch"] = config.delivery.batch_max_size > 1;
    return cold.dump();
}

Result<SidecarConfig> with_hot_config(const SidecarConfig& base, std::string_view hot) {
    const std::string name = "hot config";
    const Documents read = read_json(hot, name);
    if (!read.problems.empty()) return failure(Error::Code::invalid, format_problem(read.problems.front()));
    if (read.documents.empty() || read.documents.front()->kind != Node::Kind::mapping)
        return failure(Error::Code::invalid, name + ": is no JSON object");
    json said = to_json(*read.documents.front());
    if (const std::string wrong = wrong_shape(said); !wrong.empty())
        return failure(Error::Code::invalid, name + ": " + wrong);
    if (said.contains("uid") && said["uid"] != json(base.uid))
        return failure(Error::Code::conflict, name + ": is of another JobQueue of this name");

    keep_batches_or_none(said, base);
    json whole = json::parse(to_json(base));
    for (const char* field : hot_fields) take(whole, said, Place(field));
    Result<SidecarConfig> config = sidecar_config_from_json(whole.dump());
    if (!config) return config;
    if (config->generation == 0) config->generation = base.generation;
    if (config->generation < base.generation)
        return failure(Error::Code::conflict, name + ": is of generation " + std::to_string(config->generation) +
                                                  ", older than " + std::to_string(base.generation));
    config->delivery.timeout = std::min(config->delivery.timeout, base.delivery.timeout);
    return config;
}

}  // namespace drover::jobqueue
