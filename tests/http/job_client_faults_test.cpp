// What a worker may do wrong.
#include "tests/http/job_client_fixture.h"

#include <sys/socket.h>

#include <atomic>

namespace drover::http::test {
namespace {

using Kind = Answer::Kind;

class JobClientFaults : public JobClientTest {
protected:
    // What comes of an app that reads the job and then sends `bytes` and closes.
    KeptAnswer answer_to(const std::string& bytes) {
        ScriptedWorker worker([bytes](RawSocket& socket) {
            socket.read_message();
            socket.write(bytes);
            socket.end_writing();
            socket.read_to_end();
        });
        use(worker);
        return exchange();
    }
};

TEST_F(JobClientFaults, A4_no_answer_at_all_is_a_cut) {
    const auto answer = answer_to("");
    EXPECT_EQ(answer.kind, Kind::cut);
    EXPECT_EQ(answer.status, 0);
    EXPECT_EQ(answer.detail, "the app closed the connection without an answer");
}

TEST_F(JobClientFaults, A4_half_an_answer_is_a_cut_with_the_status_that_had_come) {
    const auto head = answer_to("HTTP/1.1 200 OK\r\nContent-Le");
    EXPECT_EQ(head.kind, Kind::cut);
    EXPECT_EQ(head.status, 0);
    const auto body = answer_to("HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n\r\n12345");
    EXPECT_EQ(body.kind, Kind::cut);
    EXPECT_EQ(body.status, 202);
    EXPECT_EQ(body.body, "12345");
    EXPECT_EQ(body.detail, "the app closed the connection in the middle of its answer");
    const auto chunk = answer_to("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n");
    EXPECT_EQ(chunk.kind, Kind::cut);
    EXPECT_EQ(chunk.body, "12345");
}

TEST_F(JobClientFaults, A4_a_reset_before_or_amid_or_after_the_answer_is_told) {
    for (const std::string bytes :
         {"", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}) {
        std::atomic<bool> written{false}, read{false};
        ScriptedWorker worker([&](RawSocket& socket) {
            socket.read_message();
            socket.write(bytes);
            written = true;
            read.wait(false);  // a reset overtakes what is not read yet
            socket.reset();
        });
        use(worker);
        send(1);
        run_until([&] { return written.load(); });
        run_ready();
        read = true;
        read.notify_all();
        const auto answer = answer_of(1);
        if (bytes.ends_with("ok")) {
            EXPECT_EQ(answer.kind, Kind::response);
        } else {
            EXPECT_EQ(answer.kind, Kind::cut);
            EXPECT_EQ(answer.detail.find("Connection reset by peer"), 0u) << answer.detail;
            EXPECT_EQ(answer.body, bytes.empty() ? "" : "12345");
        }
        answers_.clear();
    }
}

TEST_F(JobClientFaults, A4_what_is_not_http_is_malformed) {
    using namespace std::string_literals;
    for (const std::string& bytes : {
             "SSH-2.0-OpenSSH_9.2\r\n\r\n"s,
             "HTTP/2.0 200 OK\r\n\r\n"s,
             "HTTP/1.1 20 OK\r\n\r\n"s,
             "HTTP/1.1 2000 OK\r\n\r\n"s,
             "HTTP/1.1 abc OK\r\n\r\n"s,
             "HTTP/1.1 000 Zero\r\nContent-Length: 0\r\n\r\n"s,
             "HTTP/1.1 200 OK\nContent-Length: 0\n\n"s,
             "\0\0\0\0\0\0\0\0\0\0\0\0"s,
             "HTTP/1.1 200 OK\r\nNo colon\r\n\r\n"s,
             "HTTP/1.1 200 OK\r\nNul: a\0b\r\n\r\n"s,
             "HTTP/1.1 200 OK\r\nSpace : a\r\n\r\n"s,
             "HTTP/1.1 200 OK\r\n: no name\r\n\r\n"s,
             "HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n"s,
             "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"s,
             "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"s,
             "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"s,
             "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"s,
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n"s,
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdefgh\r\n"s,
             "<html>not a web server</html>"s,
         }) {
        const auto answer = answer_to(bytes);
        EXPECT_EQ(answer.kind, Kind::malformed) << bytes << "\n" << answer.detail;
        EXPECT_EQ(answer.detail.find("not a valid HTTP answer"), 0u) << answer.detail;
    }
}

TEST_F(JobClientFaults, A4_ten_megabytes_are_too_large_and_the_connection_is_closed_at_once) {
    const std::string head = "HTTP/1.1 200 OK\r\n";
    const std::string megabyte(1024 * 1024, 'x');
    for (const std::string framing :
         {"Content-Length: 10485760\r\n\r\n", "\r\n", "Transfer-Encoding: chunked\r\n\r\n"}) {
        ScriptedWorker worker([&](RawSocket& socket) {
            socket.read_message();
            socket.write(head + framing);
            const bool chunked = framing.starts_with("Transfer");
            for (int i = 0; i < 10; ++i) {
                if (!socket.write(chunked ? "100000\r\n" + megabyte + "\r\n" : megabyte)) return;
            }
            socket.read_to_end();
        });
        use(worker);
        options_.max_answer_bytes = 256 * 1024;
        const auto answer = exchange();
        EXPECT_EQ(answer.kind, Kind::too_large) << framing;
        EXPECT_EQ(answer.status, 200);
        EXPECT_LE(answer.body.size(), 256u * 1024);
        EXPECT_EQ(answer.detail, "the answer's body is larger than 262144 bytes");
    }
}

TEST_F(JobClientFaults, A4_a_head_of_100_kilobytes_is_too_large_however_it_is_made_up) {
    std::string many;
    for (int i = 0; i < 5000; ++i) many += "X-" + std::to_string(i) + ": " + std::string(12, 'v') + "\r\n";
    for (const std::string& fields :
         {"X-Long: " + std::string(100'000, 'v') + "\r\n", many, std::string(100'000, 'n') + ": v\r\n"}) {
        const auto answer = answer_to("HTTP/1.1 200 OK\r\n" + fields + "Content-Length: 0\r\n\r\n");
        EXPECT_EQ(answer.kind, Kind::too_large);
        EXPECT_EQ(answer.detail, "the answer's head is larger than 65536 bytes");
    }
    EXPECT_EQ(answer_to("HTTP/1.1 200 " + std::string(100'000, 'r') + "\r\n\r\n").kind, Kind::too_large);
}

TEST_F(JobClientFaults, A4_endless_informational_answers_or_chunk_extensions_are_too_large) {
    std::string informational, extension = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;";
    for (int i = 0; i < 5000; ++i) informational += "HTTP/1.1 103 Early Hints\r\n\r\n";
    EXPECT_EQ(answer_to(informational).kind, Kind::too_large);
    EXPECT_EQ(answer_to(extension + std::string(100'000, 'e')).kind, Kind::too_large);
    const std::string trailer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: ";
    EXPECT_EQ(answer_to(trailer + std::string(100'000, 't')).kind, Kind::too_large);
}

TEST_F(JobClientFaults, A4_informational_answers_before_the_final_one_are_skipped) {
    const auto answer = answer_to(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nDrover-Outcome: dead\r\n\r\n"
        "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok");
    EXPECT_EQ(answer.kind, Kind::response);
    EXPECT_EQ(answer.status, 201);
    EXPECT_EQ(answer.body, "ok");
    EXPECT_EQ(answer.outcome, "");
}

TEST_F(JobClientFaults, A4_an_informational_answer_that_nothing_follows_is_a_cut_with_its_status) {
    const auto answer = answer_to("HTTP/1.1 102 Processing\r\n\r\n");
    EXPECT_EQ(answer.kind, Kind::cut);
    EXPECT_EQ(answer.status, 102);
}

TEST_F(JobClientFaults, A4_switching_protocols_is_reported_and_ends_the_connection) {
    ScriptedWorker worker(answering("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"));
    use(worker);
    EXPECT_EQ(exchange().status, 101);
    EXPECT_EQ(exchange().status, 101);
    EXPECT_EQ(worker.connections(), 2);
}

TEST_F(JobClientFaults, a_body_may_end_with_the_connection) {
    const auto answer = answer_to("HTTP/1.0 200 OK\r\n\r\nall of it");
    EXPECT_EQ(answer.kind, Kind::response);
    EXPECT_EQ(answer.body, "all of it");
    EXPECT_EQ(answer_to("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nraw").body, "raw");
}

TEST_F(JobClientFaults, chunks_are_put_together_and_trailers_decide_nothing) {
    const auto answer = answer_to(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3;name=value\r\nabc\r\nA\r\n0123456789\r\n0\r\nDrover-Outcome: dead\r\n\r\n");
    EXPECT_EQ(answer.kind, Kind::response);
    EXPECT_EQ(answer.body, "abc0123456789");
    EXPECT_EQ(answer.outcome, "");
}

TEST_F(JobClientFaults, an_answer_may_dribble_in_byte_by_byte) {
    const std::string bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nT: t\r\n\r\n";
    ScriptedWorker worker([&](RawSocket& socket) {
        while (!socket.read_message().empty()) {
            for (const char c : bytes) socket.write({&c, 1});
        }
    });
    use(worker);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(exchange().body, "ok");
    expect_one_connection(worker);
}

TEST_F(JobClientFaults, A4_an_answer_before_the_whole_job_was_read_counts) {
    const std::string job(16 * 1024 * 1024, 'j');
    for (const bool closes : {false, true}) {
        std::atomic<bool> over{false};
        ScriptedWorker worker([&](RawSocket& socket) {
            socket.read_through("\r\n\r\n");
            socket.write(answer_with("too large for me", "413 Content Too Large"));
            if (!closes) over.wait(false);
        });
        use(worker);
        const auto answer = exchange(job);
        EXPECT_EQ(answer.kind, Kind::response) << answer.detail;
        EXPECT_EQ(answer.status, 413);
        EXPECT_EQ(answer.body, "too large for me");
        over = true;
        over.notify_all();
    }
}

TEST_F(JobClientFaults, A8_a_fresh_connection_that_breaks_while_the_job_is_written_is_a_cut) {
    const std::string job(16 * 1024 * 1024, 'j');
    ScriptedWorker worker([](RawSocket& socket) { socket.read_through("\r\n\r\n"); });
    use(worker);
    EXPECT_EQ(exchange(job).kind, Kind::cut);
    EXPECT_EQ(worker.connections(), 1);
}

TEST_F(JobClientFaults, A7_a_job_can_be_aborted_at_every_stage) {
    const std::string large(16 * 1024 * 1024, 'j');
    struct Stage {
        std::string_view body;
        std::string sent;  // by the app before it hangs
    };
    for (const Stage& stage : {Stage{"job", ""}, Stage{"job", "HTTP/1.1 200 OK\r\nX"},
                               Stage{"job", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"}, Stage{large, ""}}) {
        std::atomic<bool> hanging{false}, closed{false};
        ScriptedWorker worker([&](RawSocket& socket) {
            socket.read_through("\r\n\r\n");
            socket.write(stage.sent);
            hanging = true;
            socket.read_to_end();
            closed = true;
        });
        use(worker);
        send(1, stage.body);
        run_until([&] { return hanging.load(); });
        run_ready();
        abort(1);
        EXPECT_EQ(answer_of(1).kind, Kind::aborted);
        run_until([&] { return closed.load(); });
        abort(1);  // known no longer
        run_ready();
        EXPECT_EQ(answers_[1].size(), 1u);
        answers_.clear();
    }
}

TEST_F(JobClientFaults, A7_a_job_can_be_aborted_while_it_connects_and_at_once) {
    RawSocket listener = RawSocket::bound();
    ASSERT_EQ(::listen(listener.fd(), 0), 0);
    options_.port = listener.port();
    const RawSocket first = RawSocket::connect(listener.port());  // fills the queue that nobody takes from
    send(1);
    run_ready();
    abort(1);
    EXPECT_EQ(answer_of(1).kind, Kind::aborted);

    ScriptedWorker worker(answering(answer_with("ok")));
    use(worker);
    send(2);
    abort(2);
    abort(2);
    EXPECT_EQ(answer_of(2).kind, Kind::aborted);
    EXPECT_EQ(exchange().kind, Kind::response);
    send(3);  // on a kept connection
    abort(3);
    EXPECT_EQ(answer_of(3).kind, Kind::aborted);
    run_ready();
    for (const auto& [token, answers] : answers_) EXPECT_EQ(answers.size(), 1u) << token;
}

TEST_F(JobClientFaults, one_bad_answer_leaves_the_other_jobs_alone) {
    ScriptedWorker worker([&](RawSocket& socket) {
        for (std::string request; !(request = socket.read_message()).empty();) {
            if (request.ends_with("bad")) return socket.reset();
            socket.write(answer_with("ok"));
        }
    });
    use(worker);
    for (JobClient::Token i = 0; i < 100; ++i) send(i, i % 10 == 3 ? "bad" : "good");
    for (JobClient::Token i = 0; i < 100; ++i) {
        EXPECT_EQ(answer_of(i).kind, i % 10 == 3 ? Kind::cut : Kind::response) << i;
    }
}

}  // namespace
}  // namespace drover::http::test
