#include "src/letters/message_shape.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "src/jobqueue/utf8.h"

namespace drover::letters {
namespace {

TEST(MessageShape, leaves_out_what_differs_from_job_to_job) {
    const std::pair<std::string_view, std::string_view> cases[] = {
        {"", ""},
        {"no paper", "no paper"},
        {"no answer within 200 ms", "no answer within # ms"},
        {"connect to 10.0.0.5:8080: refused.", "connect to #: refused."},
        {"user ada@example.org is unknown", "user # is unknown"},
        {"order 0199c5a2-7c1e-7b5e-9d0a-3f1f6c1f0a11 (shop-7) failed", "order # (#) failed"},
        {"no file /var/mail/ada", "no file #"},
        {"'ada at home' is no address, \"x\" neither", "'…' is no address, \"…\" neither"},
        {"can't open 'a'", "can't open '…'"},
        {"it's ada's 'don't' list", "it's ada's '…' list"},
        {"straße 5: größer", "straße #: größer"},
        {"two\nlines", "two lines"},
    };
    for (const auto& [message, shape] : cases) EXPECT_EQ(message_shape(message), shape);
}

RC_GTEST_PROP(MessageShape, is_short_valid_text_for_any_bytes, (const std::string& message)) {
    const std::string shape = message_shape(message);
    RC_ASSERT(!jobqueue::find_invalid_utf8(shape));
    RC_ASSERT(shape.size() <= 3 * 256U);
}

RC_GTEST_PROP(MessageShape, does_not_depend_on_numbers, (unsigned a, unsigned b)) {
    const auto message = [](unsigned number) { return "disk " + std::to_string(number) + " is full"; };
    RC_ASSERT(message_shape(message(a)) == message_shape(message(b)));
}

}  // namespace
}  // namespace drover::letters
