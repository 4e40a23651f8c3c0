// A stub in the place of a Kubernetes API server: the test says what it answers, and how badly.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "src/kube/api_client.h"
#include "tests/http/scripted_worker.h"

namespace drover::kube::test {

struct Asked {
    std::string method;
    std::string target;  // as it came
    std::string head;
    std::string body;

    bool is(std::string_view wanted_method, std::string_view target_begins) const {
        return method == wanted_method && target.starts_with(target_begins);
    }
    bool has(std::string_view part) const { return target.find(part) != std::string::npos; }
    // The value of a parameter of the query, still encoded.
    std::string parameter(const std::string& name) const;
};

// One answer, in any pieces.
class Turn {
public:
    explicit Turn(http::test::RawSocket& socket) : socket_(socket) {}

    void answer(int status, const nlohmann::json& body, std::string_view headers = "");
    // A Status, as Kubernetes explains its refusals.
    void refuse(int status, std::string_view reason, std::string_view headers = "");
    void begin_stream();
    void event(std::string_view type, const nlohmann::json& object) { raw(line(type, object)); }
    void raw(std::string_view bytes);
    void end_stream();
    void wait_for_hang_up();
    // Closes the connection after what has been written.
    void cut() { cut_ = true; }
    bool is_cut() const { return cut_; }

    static std::string line(std::string_view type, const nlohmann::json& object);

private:
    http::test::RawSocket& socket_;
    bool cut_ = false;
};

class ScriptedApiServer {
public:
    // Runs on a thread for each connection.
    using Script = std::function<void(const Asked& asked, Turn& turn)>;
    explicit ScriptedApiServer(Script script);

    std::unique_ptr<ApiClient> client(ApiClientSettings settings = {}, const std::string& token = "") const;
    std::vector<Asked> asked() const;
    int connections() const { return worker_.connections(); }

private:
    void serve(http::test::RawSocket& socket);

    const Script script_;
    mutable std::mutex mutex_;
    std::vector<Asked> asked_;
    http::test::ScriptedWorker worker_;
};

inline const Resource job_queues{"drover.dev", "v1alpha1", "jobqueues", "JobQueue"};

nlohmann::json object(const std::string& name, int version);
nlohmann::json bookmark(int version);
nlohmann::json list_of(std::vector<nlohmann::json> objects, int version, const std::string& next = "");

}  // namespace drover::kube::test
