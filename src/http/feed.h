// Gives Beast's parser what has come, with the limits that it does not hold itself. Room: http.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <cstddef>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>

namespace drover::http {

enum class Fed {
    more,  // all was taken that can be; the message is not over
    head,  // the head is over, the message is not; feed again
    done,  // the message is over; the buffer may hold what follows it
    head_too_large,
    chunk_too_large,  // a chunk header or the trailers, not the chunk
    failed,           // `ec` says why
};

// `head_bytes` counts the head's bytes from one call to the next: Beast's own limit forgets what it has consumed.
template <class Parser>
Fed feed(Parser& parser, boost::beast::flat_buffer& buffer, std::size_t& head_bytes, std::size_t head_limit,
         boost::beast::error_code& ec) {
    // "0\r\n\r\n", the shortest thing that ends a chunked body. Beast 1.74 asserts that it gets a last chunk in no
    // smaller pieces.
    constexpr std::size_t shortest_chunk_end = 5;
    ec = {};
    while (buffer.size() > 0) {
        const bool in_head = !parser.is_header_done();
        if (!in_head && parser.chunked() && buffer.size() < shortest_chunk_end) return Fed::more;
        const std::size_t consumed = parser.put(boost::asio::const_buffer(buffer.cdata()), ec);
        buffer.consume(consumed);
        if (in_head) {
            head_bytes += consumed;
            const std::size_t waiting = parser.is_header_done() ? 0 : buffer.size();
            if (head_bytes + waiting > head_limit) return Fed::head_too_large;
        }
        if (ec == boost::beast::http::error::need_more) {
            ec = {};
            return buffer.size() > head_limit ? Fed::chunk_too_large : Fed::more;
        }
        if (ec == boost::beast::http::error::header_limit) return Fed::head_too_large;
        if (ec) return Fed::failed;
        if (parser.is_done()) return Fed::done;
        if (in_head && parser.is_header_done()) return Fed::head;
    }
    return Fed::more;
}

}  // namespace drover::http
