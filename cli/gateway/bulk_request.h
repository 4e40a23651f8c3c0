// What is asked of a bulk operation, from what a command line says. Pure. Room: cli.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/gateway/answers.h"
#include "src/base/result.h"

namespace drover::cli {

struct BulkFilter {
    std::string state, type, error, label, text;
    std::string since, until, ended_before;  // a time, or so long ago
    std::vector<std::string> ids;
    bool all = false;  // without any of these, it has to be said that all are meant

    bool is_empty() const;
};

struct BulkOrder {
    std::string action;  // retry, cancel, delete
    BulkFilter filter;
    std::string rate;  // 50/s, 10/m
    std::string edit;  // a JSON patch as text
    std::string reason;
    bool dry_run = false;
};

// The body of POST …/bulk. `invalid` names the option.
Result<Json> bulk_request(const BulkOrder& order, Time now);

// A JSON patch (RFC 6902) as the API takes it: an array of operations. `invalid`: it is none.
Result<Json> patch_of(std::string_view text);

}  // namespace drover::cli
