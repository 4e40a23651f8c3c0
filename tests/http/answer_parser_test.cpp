#include "src/http/answer_parser.h"

#include <cstring>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace drover::http {
namespace {

using State = AnswerParser::State;

// Gives `bytes` in pieces of `piece` bytes, then the end of the stream where the answer is not over.
State parse(AnswerParser& parser, std::string_view bytes, std::size_t piece = 16 * 1024) {
    parser.reset();
    State state = State::more;
    while (state == State::more && !bytes.empty()) {
        const auto room = parser.prepare();
        const std::size_t size = std::min({piece, bytes.size(), room.size()});
        std::memcpy(room.data(), bytes.data(), size);
        bytes.remove_prefix(size);
        state = parser.commit(size);
    }
    return state == State::more ? parser.end_of_stream() : state;
}

TEST(AnswerParser, reads_the_same_whatever_the_pieces) {
    const std::string answer =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nRetry-After: 3\r\nDrover-Error: Folded\r\n line\r\n"
        "Transfer-Encoding: chunked\r\nDrover-Outcome: retry\r\nDrover-Outcome: dead\r\n\r\n"
        "1\r\na\r\n10;x\r\n0123456789abcdef\r\n0\r\nRetry-After: 9\r\n\r\n";
    for (std::size_t piece = 1; piece <= answer.size(); ++piece) {
        AnswerParser parser(AnswerLimits{});
        ASSERT_EQ(parse(parser, answer, piece), State::complete) << piece << " " << parser.problem();
        EXPECT_EQ(parser.status(), 503);
        EXPECT_EQ(parser.fields().body, "a0123456789abcdef");
        EXPECT_EQ(parser.fields().retry_after, "3");
        EXPECT_EQ(parser.fields().error, "Folded line");
        EXPECT_EQ(parser.fields().outcome, "retry");
        EXPECT_TRUE(parser.reusable());
    }
}

TEST(AnswerParser, holds_the_limit_of_a_head_that_trickles_in) {
    std::string answer = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 200; ++i) answer += "X-Field: value\r\n";
    answer += "\r\n";
    for (const std::size_t piece : {1, 7, 16, 1000, 100'000}) {
        AnswerParser parser(AnswerLimits{.head_bytes = 2000});
        EXPECT_EQ(parse(parser, answer, piece), State::too_large) << piece;
        AnswerParser enough(AnswerLimits{.head_bytes = answer.size()});
        EXPECT_EQ(parse(enough, answer, piece), State::complete) << piece << enough.problem();
    }
}

TEST(AnswerParser, takes_a_body_up_to_its_limit_and_no_more) {
    for (const std::size_t piece : {1, 100, 100'000}) {
        for (const std::string framing : {"\r\n", "Content-Length: 1000\r\n\r\n"}) {
            const std::string answer = "HTTP/1.1 200 OK\r\n" + framing + std::string(1000, 'b');
            AnswerParser enough(AnswerLimits{.body_bytes = 1000});
            EXPECT_EQ(parse(enough, answer, piece), State::complete);
            AnswerParser short_by_one(AnswerLimits{.body_bytes = 999});
            EXPECT_EQ(parse(short_by_one, answer, piece), State::too_large);
            EXPECT_LE(short_by_one.fields().body.size(), 999u);
        }
    }
}

TEST(AnswerParser, nothing_of_an_answer_is_left_in_the_next) {
    AnswerParser parser(AnswerLimits{});
    parse(parser, "HTTP/1.1 500 No\r\nRetry-After: 3\r\nDrover-Outcome: dead\r\nContent-Length: 1\r\n\r\nx");
    EXPECT_EQ(parse(parser, "HTTP/1.1 204 No Content\r\n\r\n"), State::complete);
    EXPECT_EQ(parser.status(), 204);
    EXPECT_EQ(parser.fields().retry_after, "");
    EXPECT_EQ(parser.fields().outcome, "");
    EXPECT_EQ(parser.fields().body, "");
}

RC_GTEST_PROP(AnswerParser, an_answer_that_is_whole_at_once_is_whole_in_pieces, (const std::string& bytes)) {
    for (const std::string& answer : {bytes, "HTTP/1.1 200 OK\r\n" + bytes, "HTTP/1.1 200 OK\r\n\r\n" + bytes}) {
        AnswerParser whole(AnswerLimits{}), pieces(AnswerLimits{});
        const State at_once = parse(whole, answer), piecemeal = parse(pieces, answer, 1);
        RC_ASSERT(at_once != State::complete || piecemeal == State::complete);
        RC_ASSERT(at_once != State::complete || whole.fields().body == pieces.fields().body);
    }
}

}  // namespace
}  // namespace drover::http
