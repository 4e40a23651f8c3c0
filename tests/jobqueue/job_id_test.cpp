#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "src/jobqueue/job.h"

namespace drover::jobqueue {
namespace {

using Fields = std::vector<FieldView>;

const Origin record{"email", 3, 42, Time{}};

std::string id_of(const Fields& fields) {
    const auto headers = parse_job_headers(fields);
    EXPECT_TRUE(headers.has_value());
    return job_id(*headers, fields, record);
}

TEST(JobId, A19_a_plain_record_is_named_by_its_coordinates) { EXPECT_EQ(id_of({{"x", "y"}}), "email-3-42"); }

TEST(JobId, is_the_given_one) {
    EXPECT_EQ(id_of({{"drover-job-id", "j-1"}, {"ce_specversion", "1.0"}, {"ce_id", "1"}, {"ce_source", "/s"}}), "j-1");
}

TEST(JobId, A19_a_retry_of_a_plain_record_keeps_the_coordinates_where_it_first_stood) {
    EXPECT_EQ(
        id_of(
            {{"drover-original-topic", "mails"}, {"drover-original-partition", "0"}, {"drover-original-offset", "7"}}),
        "mails-0-7");
}

TEST(JobId, A18_of_a_CloudEvent_follows_from_source_and_id_alone) {
    const Fields event{{"ce_specversion", "1.0"}, {"ce_id", "1"}, {"ce_source", "/s"}};
    const auto id = id_of(event);
    EXPECT_EQ(id.size(), 36u);
    EXPECT_EQ(id[14], '5') << "a UUID of version 5: " << id;
    EXPECT_EQ(id_of({{"ce_source", "/s"}, {"ce_type", "t"}, {"ce_id", "1"}, {"ce_specversion", "1.0"}}), id);
    EXPECT_NE(id_of({{"ce_specversion", "1.0"}, {"ce_id", "2"}, {"ce_source", "/s"}}), id);
    EXPECT_NE(id_of({{"ce_specversion", "1.0"}, {"ce_id", "1"}, {"ce_source", "/t"}}), id);
    EXPECT_NE(id_of({{"ce_specversion", "1.0"}, {"ce_id", "s1"}, {"ce_source", "/"}}), id)
        << "the parts do not run together";
    // Written down, for a redelivery after an upgrade has to find the same one.
    EXPECT_EQ(id, "75d47c53-5ad9-51bc-b740-e7074fcfe991");
}

TEST(JobId, A18_what_lacks_a_part_is_no_CloudEvent) {
    EXPECT_EQ(id_of({{"ce_id", "1"}, {"ce_source", "/s"}}), "email-3-42");
    EXPECT_EQ(id_of({{"ce_specversion", "1.0"}, {"ce_source", "/s"}}), "email-3-42");
    EXPECT_EQ(id_of({{"ce_specversion", "1.0"}, {"ce_id", ""}, {"ce_source", "/s"}}), "email-3-42");
}

TEST(NewJobId, is_a_UUID_of_version_7) {
    // The example of RFC 9562, appendix A.6, but for a bit of the fraction: ours is of whole microseconds.
    EXPECT_EQ(new_job_id(time_from_millis(0x017F22E279B0) + std::chrono::microseconds(798), 0x18C4DC0C0C07398F),
              "017f22e2-79b0-7cc4-98c4-dc0c0c07398f");
}

RC_GTEST_PROP(NewJobId, ids_sort_by_their_time, (std::uint64_t a, std::uint64_t b)) {
    const Time earlier(Duration(*rc::gen::inRange<std::int64_t>(0, 1LL << 57))),
        later = earlier + Duration(*rc::gen::inRange<std::int64_t>(1, 1LL << 50));
    const auto first = new_job_id(earlier, a), second = new_job_id(later, b);
    RC_ASSERT(first < second);
    RC_ASSERT(first[14] == '7');
    RC_ASSERT(std::string("89ab").find(first[19]) != std::string::npos);
}

}  // namespace
}  // namespace drover::jobqueue
