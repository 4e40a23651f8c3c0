// How librdkafka's threads tell the one owner thread that something has arrived: an eventfd. Room: kafka.
#pragma once

namespace drover::kafka {

// Owner thread: any one thread reads (fd, clear); notify() may be called from every thread and in any state.
class Wakeup {
public:
    Wakeup();
    ~Wakeup();
    Wakeup(const Wakeup&) = delete;
    Wakeup& operator=(const Wakeup&) = delete;

    int fd() const { return fd_; }  // readable when notified since the last clear()
    void notify() noexcept;
    void clear() noexcept;  // before looking for what arrived, so that nothing is missed

private:
    int fd_;
};

}  // namespace drover::kafka
