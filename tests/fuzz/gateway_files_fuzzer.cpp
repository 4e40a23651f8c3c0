// Input: a file of tokens, or of webhooks. It is read whole, or every problem of it is named; nobody gets in by a file
// that is wrong.
#include <cstdint>

#include "gateway/core/access.h"
#include "gateway/core/webhook.h"
#include "tests/fuzz/expect.h"

using namespace drover;
using namespace drover::gateway;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const Access::Parsed access = Access::parse(text, "tokens.yaml");
    EXPECT_HOLDS(!access.access.is_open());
    EXPECT_HOLDS(access.access.bearer("Bearer ", Time{}) == nullptr);
    for (const jobqueue::Problem& each : access.problems) EXPECT_HOLDS(!jobqueue::format_problem(each).empty());

    const ParsedWebhooks webhooks = parse_webhooks(text, "webhooks.yaml");
    if (!webhooks.problems.empty()) return 0;
    for (const Webhook& each : webhooks.settings.webhooks) {
        EXPECT_HOLDS(parse_web_address(each.url).has_value());
        EXPECT_HOLDS(each.key.empty() || each.key.size() >= 16);
    }
    if (const auto callback = webhooks.settings.callback_to(text)) EXPECT_HOLDS(callback->url == text);
    return 0;
}
