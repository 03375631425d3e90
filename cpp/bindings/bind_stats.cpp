// Diagnostics of draws.
#include "arrays.hpp"
#include "m4dl/stats/chain_statistics.hpp"

namespace m4dl::bind {
namespace {

using namespace pybind11::literals;

Statistic to_statistic(const std::string& name) {
    static const std::pair<const char*, Statistic> kNames[] = {
        {"mean", Statistic::kMean},
        {"std", Statistic::kStd},
        {"mcse_mean", Statistic::kMcseMean},
        {"mcse_sd", Statistic::kMcseStd},
        {"rhat", Statistic::kRhat},
        {"ess_bulk", Statistic::kEssBulk},
        {"ess_mean", Statistic::kEssMean},
        {"ess_batch", Statistic::kEssBatch},
        {"ess_quantile", Statistic::kEssQuantile},
    };
    for (const auto& [known, statistic] : kNames)
        if (name == known) return statistic;
    throw std::invalid_argument("unknown statistic " + name);
}

// Draws (chain, draw, D) with any strides, in doubles.
struct Field {
    const double* data;
    Index chains, draws, size, by_chain, by_draw, by_number;

    explicit Field(const py::array_t<double>& a)
        : data(a.data()),
          chains(a.shape(0)),
          draws(a.shape(1)),
          size(a.shape(2)),
          by_chain(stride(a, 0)),
          by_draw(stride(a, 1)),
          by_number(stride(a, 2)) {}

    static Index stride(const py::array_t<double>& a, int axis) {
        return a.strides(axis) / static_cast<Index>(sizeof(double));
    }
    Index rows() const { return chains * draws; }

    // Numbers first..last - 1 as blocks of lanes; idle lanes repeat the last. Neighbours lie together, so
    // what one pass over the chains fetches serves several blocks.
    void load(Index first, Index last, std::vector<Block>& out) const {
        for (Index c = 0; c < chains; ++c)
            for (Index t = 0; t < draws; ++t) {
                const double* from = data + c * by_chain + t * by_draw;
                for (Index k = first; k < last; k += kLanes) {
                    double* to =
                        &out[static_cast<std::size_t>((k - first) / kLanes)](c * draws + t, 0);
                    if (by_number == 1 && k + kLanes <= last) {
                        std::copy_n(from + k, kLanes, to);
                    } else {
                        for (Index lane = 0; lane < kLanes; ++lane)
                            to[lane] = from[std::min(k + lane, last - 1) * by_number];
                    }
                }
            }
    }
};

constexpr Index kMostBytes = Index{1} << 20, kMostBlocks = 8;  // that are loaded together

// One row for each statistic wanted.
Array chain_statistics(const py::array_t<double>& draws,
                       const std::vector<std::pair<std::string, double>>& wanted,
                       const Array& scores, int threads) {
    require(draws.ndim() == 3 && draws.size() > 0,
            "draws must have three axes, none of them 0, got ", draws.ndim());
    const Field field(draws);
    require(static_cast<Index>(scores.size()) ==
                std::max<Index>(0, 2 * ChainStatistics::scored(field.chains, field.draws) - 1),
            "scores must be those of all ranks");
    const std::vector<double> normal(scores.data(), scores.data() + scores.size());
    std::vector<Wanted> rows;
    for (const auto& [name, p] : wanted) rows.push_back({to_statistic(name), p});
    Array out({static_cast<Index>(rows.size()), field.size});
    double* to = out.mutable_data();
    const Index bytes = field.rows() * kLanes * static_cast<Index>(sizeof(double));
    const Index blocks = std::clamp<Index>(kMostBytes / bytes, 1, kMostBlocks);
    const Index step = blocks * kLanes, tasks = (field.size + step - 1) / step;
    const Index workers = std::min<Index>(resolve_threads(threads), tasks);
    const Released release;
    // one workspace for each thread, which takes every workers-th task
    parallel_for(workers, threads, [&](Index worker) {
        ChainStatistics statistics(field.chains, field.draws, normal);
        std::vector<Block> x(static_cast<std::size_t>(blocks), Block(field.rows(), kLanes));
        Block found(static_cast<Index>(rows.size()), kLanes);
        for (Index task = worker; task < tasks; task += workers) {
            const Index first = task * step, last = std::min(field.size, first + step);
            field.load(first, last, x);
            for (Index k = first; k < last; k += kLanes) {
                statistics.evaluate(x[static_cast<std::size_t>((k - first) / kLanes)], rows, found);
                for (Index r = 0; r < found.rows(); ++r)
                    for (Index lane = 0; lane < std::min(kLanes, last - k); ++lane)
                        to[r * field.size + k + lane] = found(r, lane);
            }
        }
    });
    return out;
}

}  // namespace

void bind_stats(py::module_& m) {
    m.def("chain_statistics", &chain_statistics, "draws"_a, "wanted"_a, "scores"_a, "threads"_a = 0,
          "Statistics (len(wanted), D) of draws (chain, draw, D): pairs of a name and a quantile.");
}

}  // namespace m4dl::bind
