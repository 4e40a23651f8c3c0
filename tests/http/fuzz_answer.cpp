// Fuzzes the reading of a worker's answer. The first byte says in which pieces the rest arrives; an answer that is
// whole when it comes at once must be the same one when it comes in pieces.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "src/http/answer_parser.h"

namespace {

using drover::http::AnswerLimits;
using drover::http::AnswerParser;
using State = AnswerParser::State;

constexpr AnswerLimits limits{.body_bytes = 1024, .head_bytes = 512};

State parse(AnswerParser& parser, std::string_view bytes, std::size_t piece) {
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

void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "broken: %s\n", what);
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t piece = data[0] + 1u;
    const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
    AnswerParser whole(limits), pieces(limits);
    const State at_once = parse(whole, bytes, bytes.size());
    const State piecemeal = parse(pieces, bytes, piece);
    require(whole.fields().body.size() <= limits.body_bytes, "a body over the limit");
    if (at_once != State::complete) return 0;
    require(piecemeal == State::complete, "pieces change the outcome");
    require(whole.status() == pieces.status(), "pieces change the status");
    require(whole.fields().body == pieces.fields().body, "pieces change the body");
    require(whole.fields().outcome == pieces.fields().outcome, "pieces change a field");
    return 0;
}
