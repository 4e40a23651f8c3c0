#include "gateway/submit/spooled_record.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

namespace drover::gateway::test {
namespace {

RC_GTEST_PROP(SpooledRecord, reads_what_was_written, ()) {
    Outgoing record{.topic = *rc::gen::arbitrary<std::string>(), .id = *rc::gen::arbitrary<std::string>()};
    if (*rc::gen::arbitrary<bool>()) record.key = *rc::gen::arbitrary<std::string>();
    if (*rc::gen::arbitrary<bool>()) record.value = *rc::gen::arbitrary<std::string>();
    for (const auto& [name, value] : *rc::gen::arbitrary<std::vector<std::pair<std::string, std::string>>>()) {
        record.headers.push_back({name, value});
    }
    const bool tried = *rc::gen::arbitrary<bool>();
    const std::string bytes = write_spooled_record(record, tried);
    const auto read = parse_spooled_record(bytes);
    RC_ASSERT(read.has_value());
    RC_ASSERT(*read == (SpooledRecord{record, tried}));
}

RC_GTEST_PROP(SpooledRecord, any_bytes_are_read_or_refused, (std::string bytes)) {
    bytes.insert(0, "\x01\x06");
    const auto read = parse_spooled_record(bytes);
    if (read) RC_ASSERT(write_spooled_record(read->record, read->tried) == bytes);
}

}  // namespace
}  // namespace drover::gateway::test
