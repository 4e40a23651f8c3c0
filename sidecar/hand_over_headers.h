// The HTTP headers with which a job reaches the app (design: "The worker's contract"). Room: sidecar.
//
// Values that are not visible ASCII are base64, and `drover-base64` lists the names of those headers; nothing from a
// record can end a header or start another. CloudEvents attributes are percent-encoded, as their HTTP binding says.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/field.h"
#include "src/jobqueue/job.h"

namespace drover::sidecar {

struct HandOver {
    std::span<const FieldView> fields;  // the record's headers
    const jobqueue::JobHeaders& headers;
    jobqueue::Origin record;
    std::string_view id;
    std::optional<std::string_view> key;
    bool null_value = false;
    int attempt = 1;
    int max_attempts = 1;
    std::string_view lease;
};

// Builds the headers of one hand-over after the other, in buffers that it keeps.
// Owner thread: one. What build() returns is valid until the next call.
class HandOverHeaders {
public:
    // `queue` and `source` (the default ce-source) are of every job.
    HandOverHeaders(std::string queue, std::string source);

    std::span<const FieldView> build(const HandOver& job);

private:
    void add(std::string_view name, std::string_view value);          // known to be visible ASCII
    void add_encoded(std::string_view name, std::string_view value);  // base64 where it has to be
    void add_number(std::string_view name, std::int64_t value);
    std::string_view keep(std::string text);
    void add_user_header(const FieldView& field);

    std::string queue_;
    std::string source_;
    std::vector<FieldView> fields_;
    std::deque<std::string> kept_;  // owns what is not a view of the record; a deque moves nothing when it grows
    std::size_t kept_count_ = 0;
    std::string base64_names_;
};

}  // namespace drover::sidecar
