#include "cli/gateway/progress_bar.h"

#include <algorithm>
#include <cmath>

#include "cli/figures.h"
#include "cli/gateway/tables.h"

namespace drover::cli {
namespace {

constexpr int widest_bar = 30, narrowest_bar = 8;

// What the other texts of the line leave to the bar.
int bar_width(int width) { return std::clamp(width / 4, narrowest_bar, widest_bar); }

void add(Line& line, const std::string& text, Style style = Style::plain) {
    if (text.empty()) return;
    if (!line.empty()) line.push_back({"  ", Style::plain});
    line.push_back({text, style});
}

}  // namespace

std::string bar(double share, int width) {
    if (!(share > 0)) share = 0;
    const int full = share >= 1 ? width : std::min(static_cast<int>(std::floor(share * width)), width - 1);
    std::string text;
    for (int column = 0; column < width; ++column) text += column < full ? "█" : "░";
    return text;
}

Line progress_line(const JobAnswer& job, Time now, int width) {
    Line line;
    add(line, one_line(job.state), state_style(job.state));
    const bool ended = has_ended(job);
    if (job.percent || job.state == "completed") {
        const double share = job.state == "completed" ? 1 : static_cast<double>(*job.percent) / 100;
        add(line, bar(share, bar_width(width)), job.state == "failed" ? Style::red : Style::green);
        if (!ended) add(line, std::to_string(std::clamp<std::int64_t>(*job.percent, 0, 100)) + " %");
    }
    if (ended) {
        if (job.busy) add(line, "took " + latency(*job.busy));
        add(line, error_text(job), Style::red);
        return line;
    }
    add(line, one_line(job.step));
    if (job.state == "retrying" && job.due_at) add(line, "again in " + clock_time(*job.due_at - now));
    if (job.state == "delayed" && job.due_at) add(line, "due in " + clock_time(*job.due_at - now));
    if (job.eta && job.state == "active") add(line, clock_time(*job.eta - now) + " left", Style::dim);
    add(line, one_line(job.message), Style::dim);
    if (job.state == "retrying") add(line, error_text(job), Style::yellow);
    return line;
}

Line tally_line(const Tally& tally, const char* what, int width) {
    Line line;
    const double share = tally.total > 0 ? static_cast<double>(tally.done) / static_cast<double>(tally.total) : 1;
    add(line, bar(share, bar_width(width)), tally.failed > 0 ? Style::yellow : Style::green);
    add(line, with_thousands(tally.done) + " of " + with_thousands(tally.total) + " " + what);
    if (tally.failed > 0) add(line, with_thousands(tally.failed) + " failed", Style::red);
    const double seconds = std::chrono::duration<double>(tally.elapsed).count();
    if (tally.done > 0 && seconds >= 1) {
        const double rate = static_cast<double>(tally.done) / seconds;
        add(line, per_second(rate) + "/s", Style::dim);
        if (tally.done < tally.total) {
            const double left = std::min(static_cast<double>(tally.total - tally.done) / rate, 1e9);
            add(line, clock_time(Duration(std::llround(left * 1e6))) + " left", Style::dim);
        }
    }
    return line;
}

}  // namespace drover::cli
