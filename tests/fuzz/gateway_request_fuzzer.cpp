// Input: pattern NUL path NUL query. What a pattern's names stand for is in the path; a query's values
// are what was said, whatever the bytes.
#include <cstdint>

#include "gateway/core/query.h"
#include "gateway/core/router.h"
#include "tests/fuzz/expect.h"

using namespace drover;
using namespace drover::gateway;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto next = [&text] {
        const std::string_view part = text.substr(0, text.find('\0'));
        text.remove_prefix(std::min(part.size() + 1, text.size()));
        return part;
    };
    const std::string_view pattern = next(), path = next(), asked = next();
    PathParts parts;
    if (matches_path(pattern, path, parts)) {
        for (const auto& [name, value] : parts) EXPECT_HOLDS(value.size() <= path.size());
    }
    PathParts known;
    for (const char* each : {"/v1/queues/{queue}/jobs", "/v1/queues/{queue}/jobs:batch", "/v1/jobs/{id}", "/"}) {
        matches_path(each, path, known);
    }
    const Result<Query> query = Query::parse(asked);
    if (!query) {
        EXPECT_HOLDS(query.error().code == Error::Code::invalid);
        return 0;
    }
    for (const auto& [name, value] : query->all()) {
        EXPECT_HOLDS(query->get(name) == value);
        const auto number = query->number(name, 5, 1, 9);
        EXPECT_HOLDS(!number || (*number >= 1 && *number <= 9));
    }
    return 0;
}
