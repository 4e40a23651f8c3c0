// Feeds the view: a thread that reads all partitions of the events topic, applies what happened in batches, and tells
// the gateway's loop which jobs changed. Room: gateway/view.
//
// Every gateway has one. Several on one PostgreSQL: the one that leads (JobView::lead(), an advisory lock of the
// database) feeds and hears of changes from itself; the others follow what it announces in the database, after its
// commit, so that whoever is woken finds the row changed. One that ends or loses its connection is followed by another
// within a second. Reading the events in each gateway, only to wake, would cost each the whole parsing, and wake before
// the row is there.
//
// Where Kafka or the database is away it tries again, for ever, and says so. Where the view has not read from the
// topic's beginning and what comes next is no longer in the topic (a database that is behind its retention, or of
// another Kafka), the view is emptied and read anew.
//
// Owner: `owner` runs one thing at a time; the listener is called there, and never after the destructor. The destructor
// waits for a call that is under way.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "gateway/core/job.h"
#include "gateway/view/job_view.h"
#include "src/base/time.h"
#include "src/kafka/settings.h"

namespace drover::gateway {

struct FeederOptions {
    kafka::Settings kafka;
    std::string events_topic = "drover.events";
    std::string group = "drover.gateway";  // never joined; where access is limited, one that we may describe
    JobViewSettings view;
    std::size_t batch_events = 1000;  // applied at once, or as many as came in …
    std::chrono::milliseconds batch_wait{50};
    std::chrono::milliseconds after_trouble{500};
    std::chrono::milliseconds retention_interval = std::chrono::seconds(10);
    Duration keep_figures = std::chrono::hours(7 * 24);
};

// How it stands; for health and metrics.
struct FeederStatus {
    bool leads = false;                      // it feeds the database
    bool caught_up = false;                  // was at the topic's end since it began to lead, or follows one
    std::string trouble;                     // what keeps it from going on; "": nothing
    std::uint64_t applied = 0, skipped = 0;  // events, since the start; skipped: not readable
    std::uint64_t rebuilds = 0;
    Duration behind{};  // how old the last event was when it was applied
    bool operator==(const FeederStatus&) const = default;
};

class ViewFeeder {
public:
    class Listener {
    public:
        // After the commit. Of one batch, each job once.
        virtual void jobs_changed(const std::vector<JobChange>& changes) = 0;
        // Any job may have changed: whoever waits for one asks again.
        virtual void changes_missed() = 0;
        // Where something but the numbers changed, and about once a second where those did.
        virtual void status_changed(const FeederStatus& status) = 0;

    protected:
        ~Listener() = default;
    };

    // `listener` outlives it.
    ViewFeeder(FeederOptions options, boost::asio::any_io_executor owner, Listener& listener);
    ~ViewFeeder();

    // Both: any thread, at once; done by the feeder's thread.
    void retain(std::map<std::string, QueueRetention> by_queue);  // instead of what it was told before; others are kept
    // Empties the view; it is then read anew, by whichever gateway leads.
    void rebuild();

private:
    class Worker;
    std::unique_ptr<Worker> worker_;
};

}  // namespace drover::gateway
