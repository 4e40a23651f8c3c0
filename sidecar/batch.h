// A batch of jobs as one request to the app, and what the app answers (design: "The worker's contract"). Pure. Room:
// sidecar.
//
// The request is a JSON array with one object for each job, in order:
//
//   {"id","attempt","maxAttempts","key","lease","type","deadline","headers":{name:value},"payload"}
//
// key, type and deadline are there where the job has them. Bytes that are not UTF-8 come as base64: `keyBase64` for
// `key`, `payloadBase64` for `payload`, and such headers in `headersBase64`. `headers` are the record's own, without
// Drover's; of a name that comes twice the last counts. In their names '%' and bytes that are not UTF-8 are
// percent-encoded. A payload whose content type says JSON, or that has none, is embedded where it is JSON
// (json_fault()); all other text is a string; a null value is null.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/outcome.h"
#include "src/base/field.h"
#include "src/base/time.h"

namespace drover::sidecar {

struct BatchItem {
    std::string_view id;
    int attempt = 1;
    int max_attempts = 1;
    std::optional<std::string_view> key;
    std::string_view lease;
    std::string_view type;          // "" for none
    std::string_view content_type;  // "" for none
    std::optional<Time> deadline;
    std::span<const FieldView> fields;        // the record's headers
    std::optional<std::string_view> payload;  // nothing: a null value
};

// Replaces what `out` holds, whose room is kept. No tree, no copy in between.
void write_batch(std::span<const BatchItem> items, std::string& out);

struct BatchAnswer {
    std::vector<Outcome> outcomes;     // of each job, in the order of `ids`: done, retry or dead
    std::vector<std::string> results;  // of each job: what it resulted in, as JSON; "" for nothing
    std::string problem;               // one line for the log where the answer says what nobody can use; else ""
};

// What the 2xx answer `status` to a batch means for each of its jobs. (Of other answers classify() says it for all.)
//
//   {"results":[{"id","outcome":"done|retry|dead","retryAfter","result","error","message"}]}
//
// An empty body: all are done. A body that is something else: all are retried, InvalidBatchAnswer. A job that the
// results do not name is retried, MissingResult; one with an outcome that nobody knows too, InvalidOutcome. Where an id
// comes more than once, dead counts before retry before done, and of equals the first; jobs with the same id share
// what it says. retryAfter is seconds, a duration such as "5s", or an HTTP date, at most a day. A result of more than
// `max_result_bytes` is left out.
BatchAnswer read_batch_answer(int status, std::string_view body, std::span<const std::string_view> ids,
                              std::size_t max_result_bytes, Time now);

}  // namespace drover::sidecar
