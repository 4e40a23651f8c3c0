#include "cli/gateway/through_gateway.h"

#include <iostream>

#include "cli/figures.h"
#include "cli/gateway/bulk_operation.h"
#include "cli/gateway/gateway_options.h"
#include "cli/gateway/printing.h"
#include "cli/queue_options.h"
#include "src/base/base64.h"
#include "src/jobqueue/utf8.h"

namespace drover::cli {
namespace {

constexpr std::size_t payload_shown = 4096;

std::vector<Line> payload_lines(const Result<RawAnswer>& payload) {
    std::vector<Line> lines{{{"  Payload", Style::dim}}};
    if (!payload) {
        lines.push_back({{"    " + one_line(payload.error().message), Style::yellow}});
        return lines;
    }
    const std::optional<Json> json = parse_json(payload->body);
    const std::string text = json ? pretty(*json) : payload->body;
    const std::string shown = text.substr(0, payload_shown);
    for (std::size_t begin = 0; begin < shown.size();) {
        const std::size_t end = std::min(shown.find('\n', begin), shown.size());
        const std::string line = shown.substr(begin, end - begin);
        const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
        lines.push_back({{"    " + std::string(indent, ' ') + one_line(line), Style::plain}});
        begin = end + 1;
    }
    if (text.size() > shown.size()) lines.push_back({{"    … -o json has all of it", Style::dim}});
    return lines;
}

}  // namespace

int pause_through_gateway(const ThroughGateway& way, bool paused, const std::string& reason) {
    return with_queue(way.gateway, way.queue, way.environment, [&](GatewayApi& api, const std::string& queue) {
        const auto answer = api.pause(queue, paused, reason);
        if (!answer) return complain(answer.error());
        const std::string name = one_line(text_of(*answer, "queue"));
        std::string others;
        for (const Json& each : list_of(*answer, "pausedByOthers")) {
            if (each.is_string()) others.append(others.empty() ? "" : ", ").append(one_line(each.get<std::string>()));
        }
        if (!is_true(*answer, "paused"))
            std::cout << name << " is not paused\n";
        else if (paused)
            std::cout << name << " is paused" << (others.empty() ? "" : ", also by " + others) << '\n';
        else
            std::cout << name << " is still paused by " << (others.empty() ? "others" : others) << '\n';
        return 0;
    });
}

int cancel_through_gateway(const ThroughGateway& way, const std::vector<std::string>& jobs, const std::string& reason) {
    const auto gateway = open_gateway(way.gateway, way.environment);
    if (!gateway) return complain(gateway.error());
    int code = 0;
    for (const std::string& id : jobs) {
        const auto answer = gateway->api->cancel(id, reason);
        if (!answer) {
            code = complain(answer.error());
            if (code == 3) return code;
            continue;
        }
        std::cout << one_line(id) << " is " << one_line(text_of(*answer, "state")) << std::endl;
    }
    return code;
}

int list_dead_through_gateway(const ThroughGateway& way, const std::string& output) {
    return with_queue(way.gateway, way.queue, way.environment, [&](GatewayApi& api, const std::string& queue) {
        const auto answer = api.errors(queue, "");
        if (!answer) return complain(answer.error());
        if (output == "json") {
            print(*answer);
            return 0;
        }
        std::vector<ErrorGroupAnswer> groups;
        for (const Json& each : list_of(*answer, "groups")) groups.push_back(error_group_answer(each));
        const View view = view_of_stdout(way.environment);
        if (groups.empty())
            std::cout << "no failed jobs of " << queue << '\n';
        else
            print(error_lines(groups, view), view);
        return 0;
    });
}

int show_dead_through_gateway(const ThroughGateway& way, const std::string& id, const std::string& output) {
    const auto gateway = open_gateway(way.gateway, way.environment);
    if (!gateway) return complain(gateway.error());
    auto job = gateway->api->job(id);
    if (!job) return complain(job.error());
    if (const std::string state = text_of(*job, "state"); state != "failed") {
        return complain({Error::Code::not_found, "job " + one_line(id) + " is " + one_line(state) +
                                                     ", not failed; 'drover status' tells all about it"});
    }
    const auto history = gateway->api->history(id);
    if (!history) return complain(history.error());
    const auto payload = gateway->api->payload(id);
    const Json& entries = list_of(*history, "history");
    if (output == "json") {
        (*job)["history"] = entries;
        if (payload && !jobqueue::find_invalid_utf8(payload->body))
            (*job)["payload"] = payload->body;
        else if (payload)
            (*job)["payloadBase64"] = base64_encode(payload->body);
        else
            (*job)["payloadTrouble"] = payload.error().message;
        if (payload && !payload->key.empty()) {
            const auto key = base64_decode(payload->key);
            if (key && !jobqueue::find_invalid_utf8(*key))
                (*job)["key"] = *key;
            else
                (*job)["keyBase64"] = payload->key;
        }
        print(*job);
        return 0;
    }
    View view = view_of_stdout(way.environment);
    view.width = 100'000;  // ids and texts are there to be copied
    std::vector<Line> page = job_page(*job, entries, view);
    const std::vector<Line> lines = payload_lines(payload);
    page.insert(page.end(), lines.begin(), lines.end());
    print(page, view);
    return 0;
}

int redrive_through_gateway(const ThroughGateway& way, const BulkOrder& order, bool wait) {
    const auto request = bulk_request(order, now());
    if (!request) return complain(request.error());
    return with_queue(way.gateway, way.queue, way.environment, [&](GatewayApi& api, const std::string& queue) {
        return run_bulk(api, queue, *request, wait, "text", way.environment);
    });
}

}  // namespace drover::cli
