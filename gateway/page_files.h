// The dashboard's files, built from dashboard/ and part of the program. Room: gateway.
#pragma once

#include <span>
#include <string_view>

namespace drover::gateway {

struct PageFile {
    std::string_view path;  // "/" is the page itself
    std::string_view content_type;
    std::string_view etag;  // of `plain`, without quotes
    std::string_view plain, gzip;
};

std::span<const PageFile> page_files();

}  // namespace drover::gateway
