// The dashboard, and the script of <drover-progress>. They are for everybody: what they show they ask the API for.
#include <algorithm>

#include "gateway/page_files.h"
#include "gateway/routes.h"

namespace drover::gateway {
namespace {

// Nothing inline, nothing from elsewhere, in nobody's frame.
constexpr std::string_view policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

// The one file that pages of other origins load.
constexpr std::string_view embeddable = "/drover-progress.js";

// Whether `list`, of an If-None-Match or Accept-Encoding, has this entry. Parameters (";q=0.5") do not count, but for
// those that say no.
bool names(std::string_view list, std::string_view wanted) {
    while (!list.empty()) {
        std::string_view entry = list.substr(0, std::min(list.find(','), list.size()));
        list.remove_prefix(std::min(entry.size() + 1, list.size()));
        const std::size_t begin = entry.find_first_not_of(" \t");
        if (begin == std::string_view::npos) continue;
        entry.remove_prefix(begin);
        const std::string_view name = entry.substr(0, entry.find_first_of("; \t"));
        if (name != wanted && name != "*") continue;
        return !entry.ends_with("q=0") && !entry.ends_with("q=0.0");
    }
    return false;
}

void answer(const PageFile& file, const Call& call) {
    const std::string tag = '"' + std::string(file.etag) + '"';
    const std::string_view known = call.request.header("if-none-match");
    const bool zipped = names(call.request.header("accept-encoding"), "gzip");
    http::Response response;
    response.headers = {{"etag", tag},
                        {"cache-control", "no-cache"},  // it asks each time whether there is a newer one
                        {"vary", "accept-encoding"},
                        {"x-content-type-options", "nosniff"},
                        {"referrer-policy", "no-referrer"},
                        {"content-security-policy", std::string(policy)},
                        {"cross-origin-resource-policy", file.path == embeddable ? "cross-origin" : "same-origin"}};
    if (names(known, tag) || names(known, "W/" + tag)) {
        response.status = 304;
        return call.reply(std::move(response));
    }
    response.headers.push_back({"content-type", std::string(file.content_type)});
    if (zipped) response.headers.push_back({"content-encoding", "gzip"});
    response.body = zipped ? file.gzip : file.plain;
    call.reply(std::move(response));
}

}  // namespace

bool is_page(std::string_view pattern) {
    return std::ranges::find(page_files(), pattern, &PageFile::path) != page_files().end();
}

void add_page_routes(Routes& routes) {
    for (const PageFile& file : page_files()) {
        routes.add("GET", file.path, {Role::view, [&file](const SharedCall& call) { answer(file, *call); }});
    }
}

}  // namespace drover::gateway
