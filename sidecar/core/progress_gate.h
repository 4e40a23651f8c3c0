// Bounds what jobs may report while they run, so that a worker that reports in a loop floods nobody. Pure. Room:
// sidecar/core.
//
// Of the progress of one job at most one report passes in an interval. One that comes sooner is kept, and goes when the
// interval is over, or at the job's end; where one is kept already they become one, of which the later fields count. So
// the last word on everything gets through.
// Of its log lines at most so many, of so many bytes, pass in a second (counted from the first that passes); the others
// are left out and counted.
//
// Jobs are named by their slots. A job that never reports costs nothing. Total: any calls in any order, of a time that
// goes back too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sidecar/core/slot.h"
#include "src/base/time.h"

namespace drover::sidecar {

// "" and nothing: not said.
struct ProgressReport {
    std::optional<int> percent;
    std::string step, message;
    std::string result;  // JSON
    bool operator==(const ProgressReport&) const = default;
};

struct ProgressLimits {
    Duration interval = std::chrono::seconds(1);
    std::size_t log_lines = 100;  // a second
    std::size_t log_bytes = 64 * 1024;
};

class ProgressGate {
public:
    explicit ProgressGate(ProgressLimits limits = {}) : limits_(limits) {}

    // A hand-over begins: whatever the slot's last one left is forgotten.
    void begin(Slot slot) { end(slot); }

    // What may go now, which is all that was kept, too; nothing where it is kept.
    std::optional<ProgressReport> report(Slot slot, ProgressReport report, Time now);

    struct Released {
        Slot slot = 0;
        ProgressReport report;
    };
    // Kept reports that may go by now.
    std::vector<Released> due(Time now);
    // When due() has the next one; nothing while none is kept.
    std::optional<Time> next_due() const;

    struct Logs {
        std::vector<std::string> lines;  // those that pass
        std::uint64_t left_out = 0;      // since lines of this job passed last; 0 where none pass: it is told later
    };
    Logs log(Slot slot, std::vector<std::string> lines, Time now);

    struct Rest {
        std::optional<ProgressReport> report;  // the kept one
        std::uint64_t lines_left_out = 0;      // that were not told yet
    };
    // The job's hand-over is over, and the slot forgotten.
    Rest end(Slot slot);

private:
    struct Job {
        std::optional<Time> passed_at;       // the last report
        std::optional<ProgressReport> kept;  // then it is in waiting_
        std::optional<Time> second;          // that began with the first line to pass
        std::size_t lines = 0, bytes = 0;    // that passed in it
        std::uint64_t left_out = 0;
    };

    ProgressLimits limits_;
    std::unordered_map<Slot, Job> jobs_;       // that reported something
    std::set<std::pair<Time, Slot>> waiting_;  // kept reports, by when they may go
};

}  // namespace drover::sidecar
