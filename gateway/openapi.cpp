#include "gateway/openapi.h"

#include <cstdio>
#include <cstdlib>

#include <nlohmann/json.hpp>

#include "src/jobqueue/node.h"

namespace drover::gateway {
namespace {

std::string converted() {
    const jobqueue::Documents read = jobqueue::read_yaml(openapi_yaml, "openapi.yaml");
    if (read.documents.size() != 1 || !read.problems.empty()) {
        std::fprintf(stderr, "drover: the built-in openapi.yaml cannot be read\n");
        std::abort();
    }
    return jobqueue::to_json(*read.documents.front()).dump();
}

}  // namespace

const std::string& openapi_document() {
    static const std::string document = converted();
    return document;
}

}  // namespace drover::gateway
