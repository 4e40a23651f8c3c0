// Input: the bytes of a watch, whose first one says in what pieces they come. Lines are the same however they are cut;
// what is read of one has what a watch goes on by; and what comes next is always something, after no longer than a day.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/kube/line_splitter.h"
#include "src/kube/store.h"
#include "src/kube/watch_event.h"
#include "src/kube/watch_state.h"
#include "tests/fuzz/expect.h"

using namespace drover;
using namespace drover::kube;

namespace {

std::vector<std::string> lines_of(std::string_view bytes, std::size_t piece, LineSplitter::Fed& fed) {
    std::vector<std::string> lines;
    LineSplitter splitter(4096);
    fed = LineSplitter::Fed::all;
    while (!bytes.empty() && fed == LineSplitter::Fed::all) {
        fed = splitter.feed(bytes.substr(0, piece), [&](std::string_view line) {
            EXPECT_HOLDS(!line.empty() && line.size() <= 4096 && line.find('\n') == std::string_view::npos);
            lines.emplace_back(line);
            return true;
        });
        bytes.remove_prefix(std::min(piece, bytes.size()));
    }
    return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    auto fed = LineSplitter::Fed::all, fed_whole = LineSplitter::Fed::all;
    const auto lines = lines_of(bytes, 1 + data[0], fed);
    EXPECT_HOLDS(lines == lines_of(bytes, size, fed_whole));
    EXPECT_HOLDS(fed == fed_whole);

    Store store;
    WatchState state;
    state.listed("1", 0);
    for (const auto& line : lines) {
        auto event = parse_watch_event(line);
        if (!event) {
            const auto step = state.ended(event.error(), Duration::zero(), 0.5);
            EXPECT_HOLDS(step.after >= Duration::zero() && step.after <= std::chrono::hours(24));
            EXPECT_HOLDS((step.what == WatchStep::Do::watch) == !step.version.empty());
            state.listed("1", 0);
            continue;
        }
        EXPECT_HOLDS(!event->version.empty());
        state.advanced(event->version);
        if (event->type == WatchEvent::Type::bookmark) continue;
        const ObjectKey key = key_of(event->object);
        EXPECT_HOLDS(!key.name.empty());
        if (event->type == WatchEvent::Type::deleted) {
            store.remove(key);
            EXPECT_HOLDS(!store.get(key));
        } else {
            store.put(std::move(event->object));
            EXPECT_HOLDS(store.get(key));
        }
    }
    return 0;
}
