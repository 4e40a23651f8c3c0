// Input: key NUL value; without the NUL a tombstone. What is read can be written, reads back as the same message, and
// leaves a state that answers.
#include <cstdint>

#include "src/jobqueue/control.h"
#include "tests/fuzz/expect.h"

using namespace drover;
using namespace drover::jobqueue;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto nul = text.find('\0');
    std::optional<std::string_view> value;
    if (nul != std::string_view::npos) value = text.substr(nul + 1);
    const auto record = parse_control(text.substr(0, nul), value);
    if (!record) {
        EXPECT_HOLDS(record.error().code == Error::Code::invalid);
        EXPECT_HOLDS(record.error().message.find('\n') == std::string::npos);
        return 0;
    }
    const ControlMessage message = control_message(*record);
    EXPECT_HOLDS(message.key == text.substr(0, nul));
    const auto again = parse_control(message.key, message.value);
    EXPECT_HOLDS(again.has_value());
    EXPECT_HOLDS(control_message(*again) == message);

    ControlState state;
    const Time now{};
    state.apply(*record, now);
    state.apply(*again, now);
    for (const auto& cancel : state.cancels(now)) EXPECT_HOLDS(state.is_cancelled(cancel.job_id, now));
    EXPECT_HOLDS(state.paused() == !state.pause_sources().empty());
    return 0;
}
