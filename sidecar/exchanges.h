// The requests that hand jobs to the app, one job or a batch in each, and what their answers mean for the engine.
// Room: sidecar. Owner thread: the loop.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/batch.h"
#include "sidecar/core/delivery_engine.h"
#include "sidecar/hand_over_headers.h"
#include "sidecar/record_slots.h"
#include "src/http/job_client.h"
#include "src/jobqueue/sidecar_config.h"

namespace drover::sidecar {

class Exchanges {
public:
    // Both outlive it.
    Exchanges(const jobqueue::SidecarConfig& config, RecordSlots& slots);

    // Sends a job of its own at once. One of a batch goes with the others of it, by flush(): until then hand_over() of
    // the same exchange adds to it.
    void hand_over(http::JobClient& client, const action::HandOver& job, std::string_view lease);
    void flush(http::JobClient& client);

    // Closes the job's connection. In a batch it only counts as aborted, unless it is the last one that is waited for.
    void abort(http::JobClient& client, Lease lease, std::vector<Event>& events);

    // The events that follow from an answer.
    void answered(http::JobClient::Token token, const http::Answer& answer, Time now, std::vector<Event>& events);

private:
    struct Batch {
        std::vector<Lease> leases;  // 0: aborted
        std::vector<std::string> ids;
        std::string body;
    };

    void answered_one(Lease lease, const http::Answer& answer, Time now, std::vector<Event>& events);

    const jobqueue::SidecarConfig& config_;
    RecordSlots& slots_;
    HandOverHeaders headers_;
    std::map<std::uint32_t, Batch> batches_;  // on their way, by exchange
    std::uint32_t collecting_ = 0;            // the exchange whose items_ are not sent yet; 0: none
    std::vector<BatchItem> items_;
    std::vector<std::string> leases_;  // that the items refer to
};

// What the app is told of a job, in a batch and when it pulls. Views of the record and of `lease`.
BatchItem batch_item(const HeldJob& job, std::string_view lease);

}  // namespace drover::sidecar
