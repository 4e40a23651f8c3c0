#include "cli/gateway/bulk_operation.h"

#include <iostream>
#include <thread>

#include "cli/figures.h"
#include "cli/gateway/printing.h"
#include "cli/gateway/progress_bar.h"
#include "cli/queue_options.h"

namespace drover::cli {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto look_again = 300ms;

Tally tally_of(const OperationAnswer& operation) {
    Tally tally{.done = operation.done + operation.skipped + operation.failed,
                .failed = operation.failed,
                .total = operation.matched};
    const Time end = operation.ended_at.value_or(now());
    if (operation.started_at) tally.elapsed = end - *operation.started_at;
    return tally;
}

std::string end_text(const OperationAnswer& operation) {
    std::string text = "operation " + one_line(operation.id) + " " + one_line(operation.state) + ": " +
                       with_thousands(operation.done) + " of " + with_thousands(operation.matched) + " jobs";
    if (operation.skipped > 0) text.append(", ").append(with_thousands(operation.skipped)).append(" left out");
    if (operation.failed > 0) text.append(", ").append(with_thousands(operation.failed)).append(" failed");
    if (!operation.trouble.empty()) text.append("; ").append(one_line(operation.trouble));
    return text;
}

int tell_dry_run(const Json& answer, const std::string& action, const std::string& output,
                 const Environment& environment) {
    const std::int64_t matched = integer_of(answer, "matched").value_or(0);
    if (output == "json") {
        print(answer);
    } else {
        const char* done = action == "cancel" ? "cancelled" : action == "delete" ? "deleted" : "retried";
        std::cout << with_thousands(matched) << (matched == 1 ? " job" : " jobs") << " would be " << done << '\n';
        std::vector<JobAnswer> sample;
        for (const Json& job : list_of(answer, "sample")) sample.push_back(job_answer(job));
        const View view = view_of_stdout(environment);
        if (!sample.empty()) print(job_lines(sample, view), view);
        if (static_cast<std::int64_t>(sample.size()) < matched && !sample.empty()) std::cout << "…\n";
    }
    return matched > 0 ? 0 : 1;
}

}  // namespace

int follow_operation(GatewayApi& api, const std::string& queue, const std::string& id, const std::string& output,
                     const Environment& environment) {
    LiveLine line(environment);
    Clock::time_point last_answer = Clock::now();
    for (;;) {
        const auto answer = api.bulk_operation(queue, id);
        if (!answer) {
            const bool enough = Clock::now() - last_answer >= Patience{}.without_gateway;
            if (!answer.error().retryable || enough) {
                line.clear();
                return complain(answer.error());
            }
            line.show({{"the gateway does not answer; it is asked again", Style::yellow}});
            std::this_thread::sleep_for(look_again);
            continue;
        }
        last_answer = Clock::now();
        const OperationAnswer operation = operation_answer(*answer);
        if (operation.is_running()) {
            line.show(tally_line(tally_of(operation), "jobs", line.width()));
            std::this_thread::sleep_for(look_again);
            continue;
        }
        line.clear();
        if (output == "json")
            print(*answer);
        else
            std::cout << end_text(operation) << std::endl;
        return operation.state == "completed" && operation.failed == 0 && operation.skipped == 0 ? 0 : 1;
    }
}

int tell_begun(const Result<Json>& answer, GatewayApi& api, const std::string& queue, bool wait,
               const std::string& output, const Environment& environment) {
    if (!answer) return complain(answer.error());
    const OperationAnswer operation = operation_answer(*answer);
    if (wait) return follow_operation(api, queue, operation.id, output, environment);
    if (output == "json") {
        print(*answer);
        return 0;
    }
    std::cout << one_line(operation.id) << std::endl;
    std::cerr << "it goes on by itself: drover bulk show -q " << one_line(queue) << " " << one_line(operation.id)
              << '\n';
    return 0;
}

int run_bulk(GatewayApi& api, const std::string& queue, const Json& request, bool wait, const std::string& output,
             const Environment& environment) {
    const auto answer = api.start_bulk(queue, request);
    if (answer && is_true(request, "dryRun"))
        return tell_dry_run(*answer, text_of(request, "action"), output, environment);
    return tell_begun(answer, api, queue, wait, output, environment);
}

}  // namespace drover::cli
