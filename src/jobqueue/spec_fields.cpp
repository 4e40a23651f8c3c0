#include "src/jobqueue/spec_fields.h"

namespace drover::jobqueue {
namespace {

using namespace std::chrono_literals;
using nlohmann::ordered_json;

constexpr std::size_t max_delays = 50;
constexpr Duration max_retry_delay = 168h;

void read_rate(FieldReader& parent, std::string_view name, std::optional<Rate>& out) {
    FieldReader fields = parent.nested(name);
    if (!fields.is_present()) return;
    Rate rate;
    fields.read_integer("max", rate.max, 1, 1'000'000'000);
    fields.require("max");
    fields.read_duration("per", rate.per, 1ms, 24h);
    fields.refuse_unknown();
    out = rate;
}

void read_delays(FieldReader& fields, const RetryPolicy& policy, std::optional<std::vector<Duration>>& out) {
    if (fields.find("delays") == nullptr) return;
    std::vector<Duration> delays;
    std::size_t entries = 0;
    fields.read_sequence("delays", [&](const Node& item, const std::string& path) {
        ++entries;
        const auto read = read_duration_of(item, 0s, max_retry_delay);
        if (!read.value) return fields.problems().add(item.line, path, read.complaint);
        if (*read.value > policy.max_delay)
            return fields.problems().add(item.line, path,
                                         "is longer than maxDelay, " + format_duration(policy.max_delay));
        delays.push_back(*read.value);
    });
    const Node* node = fields.find("delays");
    if (node->kind == Node::Kind::sequence && (entries == 0 || entries > max_delays))
        return fields.complain(
            "delays", "must have 1 to " + std::to_string(max_delays) + " entries, has " + std::to_string(entries));
    if (!delays.empty()) out = std::move(delays);
}

ordered_json rate_json(const Rate& rate) { return {{"max", rate.max}, {"per", format_duration(rate.per)}}; }

std::string_view name_of(Mode mode) { return mode == Mode::push ? "push" : "pull"; }

std::string_view name_of(Backoff backoff) {
    switch (backoff) {
        case Backoff::exponential: return "exponential";
        case Backoff::linear: return "linear";
        case Backoff::fixed: return "fixed";
    }
    return "exponential";
}

}  // namespace

std::string_view name_of(Ordering ordering) {
    switch (ordering) {
        case Ordering::none: return "none";
        case Ordering::key: return "key";
        case Ordering::partition: return "partition";
    }
    return "none";
}

void read_delivery(FieldReader fields, DeliverySpec& out) {
    fields.read_choice("mode", out.mode, {{"push", Mode::push}, {"pull", Mode::pull}});
    fields.read_integer("port", out.port, 1, 65535);
    fields.read_string("path", out.path, check_http_path);
    fields.read_integer("concurrency", out.concurrency, 1, 1000);
    fields.read_duration("timeout", out.timeout, 1ms, 24h);
    fields.read_choice("ordering", out.ordering,
                       {{"none", Ordering::none}, {"key", Ordering::key}, {"partition", Ordering::partition}});
    read_rate(fields, "rateLimit", out.rate_limit);
    read_rate(fields, "keyRateLimit", out.key_rate_limit);
    FieldReader batch = fields.nested("batch");
    batch.read_integer("maxSize", out.batch_max_size, 1, 10'000);
    batch.read_duration("maxWait", out.batch_max_wait, 0s, 1h);
    batch.refuse_unknown();
    fields.read_boolean("asyncCompletion", out.async_completion);
    fields.read_duration("maxDrain", out.max_drain, 0s, 24h);
    if (out.async_completion && out.batch_max_size > 1 && out.mode == Mode::push)
        fields.complain("asyncCompletion", "cannot be with batch.maxSize above 1: a batch is answered as a whole");
    fields.read_size("maxPayload", out.max_payload, 1, 100 << 20);
    fields.refuse_unknown();
}

void read_retry(FieldReader fields, RetryPolicy& out) {
    fields.read_integer("maxAttempts", out.max_attempts, 1, 100);
    fields.read_choice("backoff", out.backoff,
                       {{"exponential", Backoff::exponential}, {"linear", Backoff::linear}, {"fixed", Backoff::fixed}});
    fields.read_duration("maxDelay", out.max_delay, 0s, max_retry_delay);
    fields.read_duration("initial", out.initial, 0s, max_retry_delay);
    fields.read_number("jitter", out.jitter, 0, 1);
    read_delays(fields, out, out.delays);
    if (!out.delays && out.initial > out.max_delay)
        fields.complain("initial",
                        format_duration(out.initial) + " is longer than maxDelay, " + format_duration(out.max_delay));
    fields.refuse_unknown();
}

ordered_json delivery_json(const DeliverySpec& delivery) {
    ordered_json json{{"mode", name_of(delivery.mode)},
                      {"port", delivery.port},
                      {"path", delivery.path},
                      {"concurrency", delivery.concurrency},
                      {"timeout", format_duration(delivery.timeout)},
                      {"ordering", name_of(delivery.ordering)}};
    if (delivery.rate_limit) json["rateLimit"] = rate_json(*delivery.rate_limit);
    if (delivery.key_rate_limit) json["keyRateLimit"] = rate_json(*delivery.key_rate_limit);
    json["batch"] = {{"maxSize", delivery.batch_max_size}, {"maxWait", format_duration(delivery.batch_max_wait)}};
    json["asyncCompletion"] = delivery.async_completion;
    json["maxDrain"] = format_duration(delivery.max_drain);
    json["maxPayload"] = delivery.max_payload;
    return json;
}

ordered_json retry_json(const RetryPolicy& retry) {
    ordered_json json{{"maxAttempts", retry.max_attempts},
                      {"backoff", name_of(retry.backoff)},
                      {"initial", format_duration(retry.initial)},
                      {"maxDelay", format_duration(retry.max_delay)},
                      {"jitter", retry.jitter}};
    if (retry.delays) {
        json["delays"] = ordered_json::array();
        for (const Duration delay : *retry.delays) json["delays"].push_back(format_duration(delay));
    }
    return json;
}

}  // namespace drover::jobqueue
