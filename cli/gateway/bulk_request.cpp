#include "cli/gateway/bulk_request.h"

#include "src/letters/dead_letter.h"
#include "src/letters/payload_edit.h"
#include "src/letters/redrive.h"

namespace drover::cli {
namespace {

Result<std::string> moment(const char* option, const std::string& text, Time now) {
    if (text.empty()) return std::string();
    const auto time = letters::parse_moment(text, now);
    if (time) return format_rfc3339(*time);
    return failure(
        Error::Code::invalid,
        std::string(option) + " must be a time such as 2026-03-01T12:00:00Z, or 2h for two hours ago, not " + text);
}

}  // namespace

bool BulkFilter::is_empty() const {
    return state.empty() && type.empty() && error.empty() && label.empty() && text.empty() && since.empty() &&
           until.empty() && ended_before.empty() && ids.empty();
}

Result<Json> patch_of(std::string_view text) {
    // The gateway would say so too, but only after the jobs were looked for.
    if (const auto edit = letters::PayloadEdit::parse(std::string(text)); !edit) return tl::unexpected(edit.error());
    std::optional<Json> patch = parse_json(text);
    if (!patch) return failure(Error::Code::invalid, "it is no JSON");
    return std::move(*patch);
}

Result<Json> bulk_request(const BulkOrder& order, Time now) {
    const BulkFilter& filter = order.filter;
    if (filter.is_empty() && !filter.all)
        return failure(Error::Code::invalid, "which jobs? Give a filter such as --state failed, or --all");
    const auto from = moment("--since", filter.since, now), before = moment("--until", filter.until, now);
    const auto ended = moment("--ended-before", filter.ended_before, now);
    if (!ended) return tl::unexpected(ended.error());
    if (!from) return tl::unexpected(from.error());
    if (!before) return tl::unexpected(before.error());
    if (!from->empty() && !before->empty() && *from >= *before)
        return failure(Error::Code::invalid, "--since must be before --until");
    Json request{{"action", order.action}, {"filter", Json::object()}};
    const auto put = [](Json& to, const char* name, const std::string& value) {
        if (!value.empty()) to[name] = value;
    };
    Json& to = request["filter"];
    put(to, "state", filter.state);
    put(to, "type", filter.type);
    put(to, "error", filter.error);
    put(to, "label", filter.label);
    put(to, "text", filter.text);
    put(to, "from", *from);
    put(to, "before", *before);
    put(to, "finishedBefore", *ended);
    if (!filter.ids.empty()) to["ids"] = filter.ids;
    if (order.dry_run) request["dryRun"] = true;
    if (!order.rate.empty()) {
        const auto rate = letters::parse_rate(order.rate);
        if (!rate) {
            return failure(Error::Code::invalid,
                           "--rate must be a number of jobs such as 50/s, 10/m or 1/h, not " + order.rate);
        }
        request["ratePerSecond"] = *rate;
    }
    if (!order.edit.empty()) {
        auto edit = patch_of(order.edit);
        if (!edit) return failure(Error::Code::invalid, "--patch: " + edit.error().message);
        if (order.action != "retry") return failure(Error::Code::invalid, "--patch is for jobs that are tried again");
        request["edit"] = std::move(*edit);
    }
    put(request, "reason", order.reason);
    return request;
}

}  // namespace drover::cli
