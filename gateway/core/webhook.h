// Who wants to hear of what: webhooks, as Standard Webhooks (standardwebhooks.com) sends and signs them. Pure.
// Room: gateway/core.
//
//   webhooks:
//   - name: on-call
//     url: https://chat.example/hooks/7      # or http://
//     secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw   # signs; default: not signed
//     queues: ["shop.*"]                      # <namespace>.<name>, '*' stands for any characters; default: all
//     events: [failed, alert]                 # of failed, completed, cancelled and alert; default: failed and alert
//   callbacks:                                # that jobs may name; default: none
//     hosts: ["*.shop.example", "127.0.0.1:8080"]   # host, or host:port
//     secret: whsec_…
//   alerts: {waiting: 1000, failureRate: 0.05, wait: 1m, meanRun: 10s, meanRunQueues: ["*.email", "*.sms"], for: 1m}
//
// A message is a POST with the headers webhook-id, webhook-timestamp (Unix seconds), webhook-signature ("v1," and the
// Base64 of HMAC-SHA256 over "<id>.<timestamp>.<body>") and a body {"type": "job.failed", "timestamp", "data": {…}}.
// The same id may come twice.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/alert_rules.h"
#include "src/base/time.h"
#include "src/jobqueue/lifecycle_event.h"
#include "src/jobqueue/resource.h"

namespace drover::gateway {

enum class WebhookEvent { failed, completed, cancelled, alert };

struct Webhook {
    std::string name;
    std::string url;
    std::string key;  // decoded secret; "": not signed
    std::vector<std::string> queues{"*"};
    std::vector<WebhookEvent> events{WebhookEvent::failed, WebhookEvent::alert};
    bool operator==(const Webhook&) const = default;

    bool wants(WebhookEvent event, std::string_view queue) const;
};

struct WebhookSettings {
    std::vector<Webhook> webhooks;
    std::vector<std::string> callback_hosts;
    std::string callback_key;
    AlertLimits alerts;

    // Where a job's own callback goes; nothing: not there.
    std::optional<Webhook> callback_to(std::string_view url) const;
};

struct ParsedWebhooks {
    WebhookSettings settings;
    std::vector<jobqueue::Problem> problems;  // `settings` is only to be used when this is empty
};
// YAML or JSON, as above; with every problem that it has.
ParsedWebhooks parse_webhooks(std::string_view text, const std::string& file);

// An absolute http or https URL, taken apart. Nothing: it is none, or holds a user, a space or a control character.
struct WebAddress {
    std::string base;    // scheme, host and port
    std::string host;    // in lower case
    std::string port;    // "": the scheme's own
    std::string target;  // path and query, "/" at least
};
std::optional<WebAddress> parse_web_address(std::string_view url);

// What an event of a job says to webhooks: nothing where it is no end of one.
std::optional<WebhookEvent> webhook_event_of(jobqueue::JobEvent state);
// {"type": "job.failed", "timestamp", "data": {"id", "queue", "type", "state", "run", "attempt", "error", "result", …}}
std::string webhook_body(const jobqueue::LifecycleEvent& event);
// One id for one end of a run, whoever sends it.
std::string webhook_message_id(const jobqueue::LifecycleEvent& event, std::string_view webhook);

// The value of webhook-signature.
std::string webhook_signature(std::string_view key, std::string_view id, std::string_view timestamp,
                              std::string_view body);

// After an answer, or none (0): it is delivered, or the message is of no use there, or it is tried again.
enum class WebhookVerdict { delivered, refused, again };
WebhookVerdict verdict_on(int status);
// How long a receiver is left alone after so many failures in a row (1 or more): 5 s, doubled, at most 10 min.
Duration webhook_pause(int failures);
// Older messages are given up.
inline constexpr Duration webhook_lasts = std::chrono::hours(24);

}  // namespace drover::gateway
