#include "gateway/core/webhook.h"

#include <algorithm>
#include <array>
#include <limits>

#include "gateway/core/access.h"
#include "src/base/base64.h"
#include "src/base/digest.h"
#include "src/jobqueue/field_reader.h"
#include "src/jobqueue/job.h"
#include "src/jobqueue/json_text.h"
#include "src/jobqueue/node.h"

namespace drover::gateway {
namespace {

using jobqueue::FieldReader;
using jobqueue::JobEvent;
using jobqueue::Node;

constexpr std::array<std::pair<std::string_view, WebhookEvent>, 4> event_names{{{"failed", WebhookEvent::failed},
                                                                                {"completed", WebhookEvent::completed},
                                                                                {"cancelled", WebhookEvent::cancelled},
                                                                                {"alert", WebhookEvent::alert}}};
constexpr Duration longest_limit = std::chrono::hours(24 * 7);
constexpr std::string_view secret_prefix = "whsec_";

bool is_visible(char c) { return c > ' ' && c <= '~'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Standard Webhooks writes keys in Base64 after whsec_.
std::string read_secret(FieldReader& reader) {
    std::string secret;
    reader.read_string("secret", secret);
    if (secret.empty()) return "";
    const std::optional<std::string> key = secret.starts_with(secret_prefix)
                                               ? base64_decode(std::string_view(secret).substr(secret_prefix.size()))
                                               : std::nullopt;
    if (key && key->size() >= 16) return *key;
    reader.complain("secret", "must be whsec_ and the Base64 of at least 16 bytes, such as: openssl rand -base64 32");
    return "";
}

Webhook read_webhook(FieldReader reader) {
    Webhook webhook;
    reader.require("name");
    reader.require("url");
    reader.read_string("name", webhook.name);
    reader.read_string("url", webhook.url);
    if (!webhook.url.empty() && !parse_web_address(webhook.url)) {
        reader.complain("url", "must be an http:// or https:// URL, without a user");
    }
    webhook.key = read_secret(reader);
    reader.read_texts("queues", webhook.queues);
    if (reader.find("events") != nullptr) {
        webhook.events.clear();
        std::vector<std::string> names;
        reader.read_texts("events", names);
        for (const std::string& name : names) {
            const auto event = std::ranges::find(event_names, name, &decltype(event_names)::value_type::first);
            if (event == event_names.end())
                reader.complain("events", "must be of failed, completed, cancelled and alert, not " + name);
            else
                webhook.events.push_back(event->second);
        }
    }
    reader.refuse_unknown();
    return webhook;
}

void append_text(std::string& out, std::string_view name, std::string_view text) {
    if (text.empty()) return;
    out.append(",\"").append(name).append("\":");
    jobqueue::append_json_string(out, text);
}

void append_number(std::string& out, std::string_view name, std::int64_t number) {
    out.append(",\"").append(name).append("\":");
    jobqueue::append_json_number(out, number);
}

void append_result(std::string& out, const jobqueue::LifecycleEvent& event) {
    if (event.result.empty()) return;
    const bool says_json = event.content_type.empty() || jobqueue::is_json_type(event.content_type);
    if (says_json && jobqueue::json_fault(event.result, jobqueue::max_json_depth - 2).empty()) {
        out.append(",\"result\":").append(event.result);
    } else {
        append_text(out, "resultText", event.result);
    }
}

}  // namespace

bool Webhook::wants(WebhookEvent event, std::string_view queue) const {
    return std::ranges::find(events, event) != events.end() &&
           std::ranges::any_of(queues, [queue](const std::string& each) { return matches_pattern(each, queue); });
}

std::optional<Webhook> WebhookSettings::callback_to(std::string_view url) const {
    const std::optional<WebAddress> address = parse_web_address(url);
    if (!address) return std::nullopt;
    const std::string default_port = address->base.starts_with("https:") ? "443" : "80";
    const std::string with_port = address->host + ":" + (address->port.empty() ? default_port : address->port);
    const bool is_allowed = std::ranges::any_of(callback_hosts, [&](const std::string& pattern) {
        const bool names_port = pattern.find(':') != pattern.npos;
        return names_port ? matches_pattern(pattern, with_port)
                          : address->port.empty() && matches_pattern(pattern, address->host);
    });
    if (!is_allowed) return std::nullopt;
    return Webhook{.name = "callback of " + address->base, .url = std::string(url), .key = callback_key};
}

ParsedWebhooks parse_webhooks(std::string_view text, const std::string& file) {
    ParsedWebhooks parsed;
    jobqueue::Documents documents = jobqueue::read_yaml(text, file);
    parsed.problems = std::move(documents.problems);
    jobqueue::Problems problems(file, parsed.problems);
    if (documents.documents.size() != 1) {
        problems.add(0, "", "must be one document with the field webhooks, or callbacks");
        return parsed;
    }
    FieldReader reader(documents.documents.front().get(), "", problems);
    reader.read_sequence("webhooks", [&](const Node& item, const std::string& path) {
        parsed.settings.webhooks.push_back(read_webhook(FieldReader(&item, path, problems)));
    });
    if (FieldReader fields = reader.nested("callbacks"); fields.is_present()) {
        fields.require("hosts");
        fields.read_texts("hosts", parsed.settings.callback_hosts);
        parsed.settings.callback_key = read_secret(fields);
        fields.refuse_unknown();
    }
    if (FieldReader alerts = reader.nested("alerts"); alerts.is_present()) {
        AlertLimits& limits = parsed.settings.alerts;
        alerts.read_integer("waiting", limits.waiting, 0, std::numeric_limits<std::int64_t>::max());
        alerts.read_number("failureRate", limits.failure_rate, 0, 1);
        alerts.read_duration("wait", limits.wait, std::chrono::seconds(1), longest_limit);
        alerts.read_duration("meanRun", limits.mean_run, std::chrono::milliseconds(1), longest_limit);
        alerts.read_texts("meanRunQueues", limits.mean_run_queues);
        alerts.read_duration("for", limits.hold, Duration{0}, longest_limit);
        alerts.refuse_unknown();
    }
    reader.refuse_unknown();
    return parsed;
}

std::optional<WebAddress> parse_web_address(std::string_view url) {
    if (!std::ranges::all_of(url, is_visible)) return std::nullopt;
    const std::size_t scheme_end = url.find("://");
    if (scheme_end == url.npos) return std::nullopt;
    std::string scheme(url.substr(0, scheme_end));
    std::ranges::transform(scheme, scheme.begin(), lower);
    if (scheme != "http" && scheme != "https") return std::nullopt;
    std::string_view rest = url.substr(scheme_end + 3);
    const std::size_t path = std::min(rest.find_first_of("/?#\\"), rest.size());
    std::string_view authority = rest.substr(0, path);
    rest = rest.substr(path);
    if (authority.find('@') != authority.npos || rest.starts_with('\\')) return std::nullopt;
    rest = rest.substr(0, rest.find('#'));
    WebAddress address;
    const std::size_t colon = authority.rfind(':');
    const bool has_port = colon != authority.npos && authority.find(']', colon) == authority.npos;
    if (has_port) {
        address.port = authority.substr(colon + 1);
        authority = authority.substr(0, colon);
        const bool digits = std::ranges::all_of(address.port, [](char c) { return c >= '0' && c <= '9'; });
        if (address.port.empty() || address.port.size() > 5 || !digits) return std::nullopt;
    }
    if (authority.empty()) return std::nullopt;
    address.host = authority;
    std::ranges::transform(address.host, address.host.begin(), lower);
    address.base = scheme + "://" + address.host + (address.port.empty() ? "" : ":" + address.port);
    address.target = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
    return address;
}

std::optional<WebhookEvent> webhook_event_of(JobEvent state) {
    switch (state) {
        case JobEvent::failed: return WebhookEvent::failed;
        case JobEvent::completed: return WebhookEvent::completed;
        case JobEvent::cancelled: return WebhookEvent::cancelled;
        default: return std::nullopt;
    }
}

std::string webhook_body(const jobqueue::LifecycleEvent& event) {
    const std::string_view state = jobqueue::job_event_name(event.state);
    std::string body = R"({"type":"job.)" + std::string(state) + R"(","timestamp":")" + format_rfc3339(event.at) +
                       R"(","data":{"id":)";
    jobqueue::append_json_string(body, event.job_id);
    append_text(body, "queue", event.queue);
    append_text(body, "type", event.type);
    append_text(body, "state", state);
    append_number(body, "run", event.run);
    append_number(body, "attempt", event.attempt);
    if (event.submitted_at) append_text(body, "submittedAt", format_rfc3339(*event.submitted_at));
    append_text(body, "finishedAt", format_rfc3339(event.at));
    append_text(body, "pod", event.pod);
    if (!event.error_class.empty()) {
        body += R"(,"error":{"class":)";
        jobqueue::append_json_string(body, event.error_class);
        if (event.error_status != 0) append_number(body, "status", event.error_status);
        append_text(body, "message", event.error_message);
        body += '}';
    }
    append_result(body, event);
    append_text(body, "labels", event.labels);
    body += "}}";
    return body;
}

std::string webhook_message_id(const jobqueue::LifecycleEvent& event, std::string_view webhook) {
    std::string name(webhook);
    name.append("\n").append(event.queue).append("\n").append(event.job_id).append("\n");
    name += std::to_string(event.run) + "\n" + std::string(jobqueue::job_event_name(event.state));
    return "msg_" + jobqueue::named_job_id(name);
}

std::string webhook_signature(std::string_view key, std::string_view id, std::string_view timestamp,
                              std::string_view body) {
    std::string signed_text(id);
    signed_text.append(".").append(timestamp).append(".").append(body);
    return "v1," + base64_encode(hmac_sha256(key, signed_text));
}

WebhookVerdict verdict_on(int status) {
    if (status >= 200 && status < 300) return WebhookVerdict::delivered;
    // It is this message that is not wanted; all else may be the receiver's state.
    constexpr std::array about_the_message{400, 405, 410, 413, 415, 422};
    return std::ranges::count(about_the_message, status) > 0 ? WebhookVerdict::refused : WebhookVerdict::again;
}

Duration webhook_pause(int failures) {
    constexpr Duration first = std::chrono::seconds(5), longest = std::chrono::minutes(10);
    const int doublings = std::clamp(failures - 1, 0, 10);
    return std::min<Duration>(first * (1 << doublings), longest);
}

}  // namespace drover::gateway
