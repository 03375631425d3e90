#include "m4dl/mcmc/run.hpp"

#include "m4dl/base/parallel.hpp"

namespace m4dl {

void check_start(const Potential& potential, const Reference* reference, const Matrix& start) {
    const Index white = potential.white();
    require(start.rows() > 0, "chains must be at least 1");
    require(start.cols() == white, "start must have ", white, " columns, got ", start.cols());
    require(!reference || reference->white() == white, "metric must be for ", white,
            " white noises, got ", reference ? reference->white() : 0);
}

Run::Run(RunParts parts) : parts_(std::move(parts)) {
    each_block([](AnyBlock& b, Index) { b.evaluate(); });
    for (const auto& [what, values] : told(&AnyBlock::start)) {
        std::string bad;
        for (Index c = 0; c < values.size(); ++c)
            if (!std::isfinite(values[c])) bad += (bad.empty() ? "" : ", ") + std::to_string(c);
        require(bad.empty(), "the ", what, " is not finite at the start of chain(s) ", bad,
                ": the solve failed or the start is far outside the model's range");
    }
}

// body(block, its number), in parallel.
template <class Body>
void Run::each_block(Body&& body) {
    parallel_for(
        static_cast<Index>(parts_.blocks.size()), parts_.threads,
        [&](Index b) { body(*parts_.blocks[b], b); }, parts_.potential->threads());
}
// The same for what leaves the run broken if it throws.
template <class Body>
void Run::change(Body&& body) {
    broken_ = true;
    each_block(body);
    broken_ = false;
}

void Run::advance(Index iterations, Index thin, const Records& to) {
    require(iterations >= 0, "iterations must not be negative, got ", iterations);
    require(thin > 0 && iterations % thin == 0, "thin must divide the ", iterations,
            " iterations, got ", thin);
    require(!broken_, "this run stopped in the middle of a step: restore a state first");
    broken_ = true;
    auto advance_blocks = [&](Index begin, Index end) {
        const Steps steps{begin, end, iteration_, adapting_, thin, iterations / thin, to};
        each_block([&](AnyBlock& b, Index) { b.advance(steps); });
    };
    if (parts_.meeting && adapting_)
        for (Index k = 0; k < iterations; ++k) {
            parts_.meeting->open();
            advance_blocks(k, k + 1);
            parts_.meeting->close();
        }
    else
        advance_blocks(0, iterations);
    iteration_ += iterations;
    broken_ = false;
}

void Run::set_adapting(bool on) {
    if (adapting_ && !on) {
        for (const auto& b : parts_.blocks) b->freeze();
        if (parts_.meeting) parts_.meeting->freeze();
    }
    if (!on)
        for (const auto& b : parts_.blocks) b->forget_divergences();
    adapting_ = on && parts_.adapts;
}

// The chains of a block of lanes as rows of a matrix of all chains.
template <class LanesOfBlock>
void Run::rows_of(Index block, const LanesOfBlock& lanes, Matrix& out) const {
    const Index first = block * kLanes;
    for (Index c = first; c < std::min(chains(), first + kLanes); ++c)
        out.row(c) = lanes.col(c - first).transpose();
}

std::vector<std::pair<std::string, Vector>> Run::told(Speak speak) const {
    std::vector<std::pair<std::string, Vector>> out;
    for (std::size_t b = 0; b < parts_.blocks.size(); ++b) {
        std::size_t next = 0;  // every block says the same in the same order
        const auto first = static_cast<Index>(b) * kLanes;
        (parts_.blocks[b].get()->*speak)([&](const char* name, const Lanes& lanes) {
            if (b == 0) out.emplace_back(name, Vector(chains()));
            const Index count = std::min(kLanes, chains() - first);
            out[next++].second.segment(first, count) = lanes.head(count).matrix();
        });
    }
    return out;
}
std::vector<std::pair<std::string, Vector>> Run::report() const { return told(&AnyBlock::report); }

Matrix Run::position() const {
    Matrix out(chains(), white());
    for (std::size_t b = 0; b < parts_.blocks.size(); ++b)
        rows_of(static_cast<Index>(b), parts_.blocks[b]->prior_noise(), out);
    return out;
}
Matrix Run::predictions() {
    Matrix out(chains(), parts_.potential->outputs());
    each_block([&](AnyBlock& b, Index number) { rows_of(number, b.predictions(), out); });
    return out;
}
Matrix Run::discrepancy() {
    Matrix out(chains(), parts_.potential->outputs());
    each_block([&](AnyBlock& b, Index number) { rows_of(number, b.discrepancy(), out); });
    return out;
}

void Run::set_reference(std::shared_ptr<const Reference> reference) {
    require(reference && reference->white() == white(), "metric must be for ", white(),
            " white noises, got ", reference ? reference->white() : 0);
    parts_.reference = std::move(reference);
    change([&](AnyBlock& b, Index) { b.refer(parts_.reference); });
    if (parts_.meeting) parts_.meeting->restart();
}
void Run::set_error_model(const ErrorModel& error) {
    change([&](AnyBlock& b, Index) { b.correct(error); });
}

}  // namespace m4dl
