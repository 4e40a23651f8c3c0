// drover top: all queues, live.
#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <array>
#include <csignal>
#include <memory>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/gateway/full_screen.h"
#include "cli/gateway/gateway_options.h"
#include "cli/gateway/printing.h"
#include "cli/gateway/top_model.h"
#include "cli/queue_options.h"

namespace drover::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto answer_time = 5s;
constexpr const char* footer =
    R"(Keys: the arrows (or j and k) choose a queue, p pauses it or resumes it, r looks again at once, q quits.

The exit code is 0; 2 when it has no terminal ('drover queues' prints once).)";

struct Arguments {
    GatewayArguments gateway;
    double interval = 1;
};

// One thread has the screen, and another one asks the gateway, since that blocks.
class Top {
public:
    Top(GatewayApi& api, std::chrono::milliseconds interval, const Environment& environment)
        : api_(api), interval_(interval), environment_(environment), model_(api.url()) {
        api_.limit(answer_time, stop_.get_token());
        signals_.add(SIGWINCH);
    }

    void run() {
        look();
        read_keys();
        wait_for_signals();
        io_.run();
        stop_.request_stop();
        asking_.join();
    }

private:
    void draw() {
        const Terminal terminal = terminal_at(STDOUT_FILENO, environment_);
        screen_.show(model_.render({terminal.width, terminal.color, now()}, terminal.height));
    }

    void look() {
        timer_.cancel();
        if (std::exchange(looking_, true)) return;
        boost::asio::post(asking_, [this] {
            auto answer = api_.queues();
            boost::asio::post(io_, [this, answer = std::move(answer)] {
                looking_ = false;
                if (answer)
                    model_.on_queues(*answer, now());
                else
                    model_.on_trouble(answer.error());
                draw();
                timer_.expires_after(interval_);
                timer_.async_wait([this](boost::system::error_code error) {
                    if (!error) look();
                });
            });
        });
        draw();
    }

    void set_paused(const std::string& queue, bool paused) {
        boost::asio::post(asking_, [this, queue, paused] {
            const auto answer = api_.pause(queue, paused, paused ? "drover top" : "");
            std::string message = answer ? queue + (is_true(*answer, "paused") ? " is paused" : " goes on")
                                         : "not done: " + answer.error().message;
            boost::asio::post(io_, [this, message = one_line(message)] {
                model_.on_done(message);
                look();
            });
        });
    }

    void read_keys() {
        input_.async_read_some(boost::asio::buffer(bytes_), [this](boost::system::error_code error, std::size_t count) {
            if (error) return io_.stop();  // the terminal is gone
            for (const Key& key : keys_.add({bytes_.data(), count})) {
                const TopModel::Wish wish = model_.on_key(key, terminal_at(STDOUT_FILENO, environment_).height);
                using Kind = TopModel::Wish::Kind;
                if (wish.kind == Kind::quit) return io_.stop();
                if (wish.kind == Kind::look) look();
                if (wish.kind == Kind::pause || wish.kind == Kind::resume)
                    set_paused(wish.queue, wish.kind == Kind::pause);
            }
            draw();
            read_keys();
        });
    }

    void wait_for_signals() {
        signals_.async_wait([this](boost::system::error_code error, int signal) {
            if (error || signal != SIGWINCH) return io_.stop();
            draw();
            wait_for_signals();
        });
    }

    GatewayApi& api_;
    const std::chrono::milliseconds interval_;
    const Environment& environment_;
    FullScreen screen_;
    TopModel model_;
    Keys keys_;
    std::array<char, 256> bytes_{};
    std::stop_source stop_;
    bool looking_ = false;
    boost::asio::io_context io_{1};
    boost::asio::steady_timer timer_{io_};
    boost::asio::posix::stream_descriptor input_{io_, ::dup(STDIN_FILENO)};
    boost::asio::signal_set signals_{io_, SIGINT, SIGTERM, SIGHUP};
    boost::asio::thread_pool asking_{1};
};

int run_top(const Arguments& arguments, const Environment& environment) {
    if (!terminal_at(STDIN_FILENO, environment).is_there || !terminal_at(STDOUT_FILENO, environment).is_there)
        return complain({Error::Code::invalid, "top needs a terminal; 'drover queues' prints the queues once"});
    const auto gateway = open_gateway(arguments.gateway, environment);
    if (!gateway) return complain(gateway.error());
    Top(*gateway->api, std::chrono::milliseconds(static_cast<int>(arguments.interval * 1000)), environment).run();
    return 0;
}

}  // namespace

void add_top_command(CLI::App& app, Chosen& chosen, const Environment& environment) {
    CLI::App* command = app.add_subcommand("top", "All queues, live");
    const auto arguments = std::make_shared<Arguments>();
    add_gateway_options(*command, arguments->gateway);
    command->add_option("--interval", arguments->interval, "Seconds between two looks")
        ->check(CLI::Range(0.2, 3600.0))
        ->capture_default_str();
    command->footer(footer);
    command->callback([&chosen, arguments, &environment] {
        chosen = [arguments, &environment] { return run_top(*arguments, environment); };
    });
}

}  // namespace drover::cli
