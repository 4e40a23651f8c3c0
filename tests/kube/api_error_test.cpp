#include "src/kube/api_error.h"

#include <gtest/gtest.h>

namespace drover::kube {
namespace {

using namespace std::chrono_literals;
using Reason = ApiError::Reason;

TEST(ApiError, has_the_reason_by_which_a_caller_decides) {
    EXPECT_EQ(api_error(400, "", "").reason, Reason::bad_request);
    EXPECT_EQ(api_error(401, "", "").reason, Reason::unauthorized);
    EXPECT_EQ(api_error(403, "", "").reason, Reason::forbidden);
    EXPECT_EQ(api_error(404, "", "").reason, Reason::not_found);
    EXPECT_EQ(api_error(409, "", "").reason, Reason::conflict);
    EXPECT_EQ(api_error(409, "", R"({"kind":"Status","reason":"AlreadyExists"})").reason, Reason::already_exists);
    EXPECT_EQ(api_error(410, "", "").reason, Reason::expired);
    EXPECT_EQ(api_error(422, "", "").reason, Reason::invalid);
    EXPECT_EQ(api_error(429, "", "").reason, Reason::throttled);
    for (const int status : {500, 502, 503, 504, 302, 0}) EXPECT_EQ(api_error(status, "", "").reason, Reason::server);
}

TEST(ApiError, names_the_fields_that_were_refused) {
    const auto error =
        api_error(422, "", R"({"kind":"Status","message":"JobQueue \"x\" is invalid","details":{"causes":[
        {"field":"spec.kafka.partitions","message":"must be at least 1","reason":"FieldValueInvalid"}, 7]}})");
    EXPECT_EQ(error.message, "JobQueue \"x\" is invalid");
    ASSERT_EQ(error.causes.size(), 2U);
    EXPECT_EQ(error.causes[0], (ApiError::Cause{"spec.kafka.partitions", "must be at least 1"}));
    EXPECT_FALSE(error.retryable());
}

TEST(ApiError, says_how_long_to_wait) {
    EXPECT_EQ(api_error(429, "7", "").retry_after, 7s);
    EXPECT_EQ(api_error(503, "", R"({"kind":"Status","details":{"retryAfterSeconds":3}})").retry_after, 3s);
    for (const auto* wrong : {"", "soon", "-1", "7s", "99999999999999999999"}) {
        EXPECT_EQ(api_error(429, wrong, "").retry_after, std::nullopt) << wrong;
    }
    EXPECT_TRUE(api_error(429, "", "").retryable());
}

TEST(ApiError, keeps_of_an_answer_that_is_no_status_what_a_person_can_read) {
    EXPECT_EQ(api_error(502, "", "<html>Bad Gateway</html>").message, "<html>Bad Gateway</html>");
    EXPECT_EQ(api_error(502, "", "").message, "HTTP status 502");
    std::string umlauts;
    for (int i = 0; i < 2000; ++i) umlauts += "ü";
    const auto message = api_error(500, "", "x" + umlauts).message;
    EXPECT_LE(message.size(), 2000U);
    EXPECT_TRUE(message.ends_with("ü"));
}

TEST(ApiError, of_no_answer_tells_the_unknown_from_the_undone) {
    EXPECT_EQ(api_error(Error{Error::Code::timeout, "", true}).reason, Reason::timeout);
    EXPECT_EQ(api_error(Error{Error::Code::unavailable, "", true}).reason, Reason::unreachable);
    EXPECT_EQ(api_error(Error{Error::Code::unavailable, "", false}).reason, Reason::stopped);
    EXPECT_EQ(to_error(api_error(404, "", "gone")), (Error{Error::Code::not_found, "NotFound: gone", false}));
}

}  // namespace
}  // namespace drover::kube
