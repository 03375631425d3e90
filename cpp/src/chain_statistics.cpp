#include "m4dl/stats/chain_statistics.hpp"

#include <algorithm>
#include <cmath>

#include "m4dl/base/parallel.hpp"

namespace m4dl {
namespace {

Sequences halves(Index chains, Index draws) {
    Sequences out{{}, draws / 2};
    for (Index c = 0; c < chains; ++c)
        for (const Index first : {Index{0}, draws - draws / 2})
            out.starts.push_back(c * draws + first);
    return out;
}

// A power of two near the largest of a lane: 1 if that is zero, infinite or NaN.
Lanes unit_of(const Block& x) {
    const Lanes top = x.abs().colwise().maxCoeff();
    Lanes unit = Lanes::Ones();
    for (Index lane = 0; lane < kLanes; ++lane)
        if (top[lane] > 0.0 && std::isfinite(top[lane]))
            unit[lane] = std::ldexp(1.0, std::ilogb(top[lane]));
    return unit;
}

}  // namespace

ChainStatistics::ChainStatistics(Index chains, Index draws, const std::vector<double>& scores)
    : chains_(chains),
      draws_(draws),
      total_(static_cast<double>(chains * draws)),
      normal_(scores),
      effective_size_(halves(chains, draws)) {
    for (Block* field : {&x_, &deviation_, &scores_, &folded_, &work_})
        *field = zeros(chains * draws);
}

void ChainStatistics::evaluate(const Block& draws, const std::vector<Wanted>& wanted, Block& out) {
    load(draws);
    sorted_ = ranked_ = false;
    for (std::size_t k = 0; k < wanted.size(); ++k) {
        const bool moment =
            wanted[k].statistic == Statistic::kMean || wanted[k].statistic == Statistic::kStd;
        const Lanes found = moment || draws_ >= kFewest ? find(wanted[k]) : lanes_nan();
        out.row(static_cast<Index>(k)) = invalid_.select(lanes_nan(), found);
    }
}

void ChainStatistics::load(const Block& draws) {
    invalid_ = draws.isNaN().colwise().any();
    x_ = draws;
    if (invalid_.any())  // NaN has no place in an order
        for (Index lane = 0; lane < kLanes; ++lane)
            if (invalid_[lane]) x_.col(lane).setZero();
    unit_ = unit_of(x_);
    x_.rowwise() /= unit_;
    mean_ = mean_of(x_, 0, x_.rows());
    deviation_ = x_.rowwise() - mean_;
    deviation_.rowwise() -= mean_of(deviation_, 0, x_.rows());  // the mean's own rounding
    deviation_unit_ = unit_of(deviation_);
    deviation_.rowwise() /= deviation_unit_;
    variance_ = sum_rows(x_.rows(), [&](Index k) -> Lanes { return deviation_.row(k).square(); }) /
                (total_ - 1.0);
}

Lanes ChainStatistics::find(const Wanted& wanted) {
    const auto std = [&]() -> Lanes { return variance_.sqrt() * deviation_unit_ * unit_; };
    switch (wanted.statistic) {
        case Statistic::kMean: return mean_ * unit_;
        case Statistic::kStd: return std();
        case Statistic::kMcseMean: return std() / effective_size_(x_).sqrt();
        case Statistic::kMcseStd: return mcse_std();
        case Statistic::kEssMean: return effective_size_(x_);
        case Statistic::kEssBatch: return ess_batch();
        case Statistic::kEssQuantile: return ess_quantile(wanted.p);
        case Statistic::kEssBulk: rank(); return effective_size_(scores_);
        case Statistic::kRhat: break;
    }
    rank();
    // A symmetric two-point chain is constant once folded, and then its bulk decides.
    const Lanes bulk = rhat(scores_), tails = rhat(folded_);
    return tails.isNaN().select(bulk, (bulk < tails).select(tails, bulk));
}

void ChainStatistics::sort() {
    if (std::exchange(sorted_, true)) return;
    for (Index lane = 0; lane < kLanes; ++lane) {
        auto& ordered = ordered_[lane];
        ordered.resize(static_cast<std::size_t>(x_.rows()));
        for (Index k = 0; k < x_.rows(); ++k)
            ordered[static_cast<std::size_t>(k)] = {x_(k, lane), k};
        order_.sort(ordered);
    }
}

// Normal scores of the draws, and of their distances from the median. Both come from one order: below
// the median the distance falls, above it grows.
void ChainStatistics::rank() {
    if (std::exchange(ranked_, true)) return;
    sort();
    const Index odd = draws_ % 2 ? draws_ / 2 : -1;  // the draw of a chain that is in no half
    for (Index lane = 0; lane < kLanes; ++lane) {
        halves_.clear();
        for (const Draw& draw : ordered_[lane])
            if (draw.row % draws_ != odd) halves_.push_back(draw);
        set_scores(lane, halves_, scores_);
        const auto middle = halves_.begin() + static_cast<std::ptrdiff_t>(halves_.size() / 2);
        const double median = (middle[-1].value + middle->value) / 2.0;
        for (Draw& draw : halves_) draw.value = std::abs(draw.value - median);
        folding_.resize(halves_.size());
        std::merge(std::make_reverse_iterator(middle), halves_.rend(), middle, halves_.end(),
                   folding_.begin(),
                   [](const Draw& a, const Draw& b) { return a.value < b.value; });
        set_scores(lane, folding_, folded_);
    }
}

// Equal draws share the mean of the first and the last of their places.
void ChainStatistics::set_scores(Index lane, const std::vector<Draw>& increasing,
                                 Block& out) const {
    for (std::size_t first = 0, next = 0; first < increasing.size(); first = next) {
        while (next < increasing.size() && increasing[next].value == increasing[first].value)
            ++next;
        next = std::max(next, first + 1);  // infinity less infinity equals nothing
        for (std::size_t k = first; k < next; ++k)
            out(increasing[k].row, lane) = normal_[first + next - 1];
    }
}

// sqrt((n - 1)/n + between/within) over half chains.
Lanes ChainStatistics::rhat(const Block& scores) const {
    const Sequences& parts = effective_size_.sequences();
    const double n = static_cast<double>(parts.length), count = static_cast<double>(parts.count());
    Block means(parts.count(), kLanes);
    Lanes within = Lanes::Zero();
    for (Index c = 0; c < parts.count(); ++c) {
        const Index first = parts.starts[c];
        const Lanes mean = mean_of(scores, first, parts.length);
        means.row(c) = mean;
        within +=
            sum_rows(parts.length,
                     [&](Index k) -> Lanes { return (scores.row(first + k) - mean).square(); }) /
            (n - 1.0);
    }
    const Lanes between =
        (means.rowwise() - means.colwise().mean()).square().colwise().sum() / (count - 1.0);
    return ((n - 1.0) / n + between / (within / count)).sqrt();
}

// Chains disagree in the means of their batches too, so the deviations are from that of all.
Lanes ChainStatistics::ess_batch() const {
    const auto length = static_cast<Index>(std::sqrt(static_cast<double>(draws_)));
    const Index count = draws_ / length;
    Block means(chains_ * count, kLanes);
    for (Index c = 0; c < chains_; ++c)
        for (Index b = 0; b < count; ++b) {
            const Index first = (c + 1) * draws_ - (count - b) * length;  // the most recent draws
            means.row(c * count + b) = deviation_.middleRows(first, length).colwise().mean();
        }
    const Lanes middle = mean_of(means, 0, means.rows());
    const Lanes spread =
        (means.rowwise() - middle).square().colwise().sum() / static_cast<double>(means.rows() - 1);
    const Lanes ratio = variance_ / spread;
    return ratio.isFinite().select(total_ * ratio / static_cast<double>(length), lanes_nan());
}

// A quantile between two equal draws is that draw, whatever the rounding.
Lanes ChainStatistics::ess_quantile(double p) {
    sort();
    const double place = (total_ - 1.0) * p, rest = place - std::floor(place);
    const auto below = static_cast<std::size_t>(std::floor(place));
    const auto above = static_cast<std::size_t>(std::ceil(place));
    Lanes level;
    for (Index lane = 0; lane < kLanes; ++lane) {
        const double low = ordered_[lane][below].value, step = ordered_[lane][above].value - low;
        level[lane] = std::isfinite(step) ? low + step * rest : low;
    }
    for (Index k = 0; k < x_.rows(); ++k)
        work_.row(k) = (x_.row(k) <= level).select(Lanes::Ones(), Lanes::Zero());
    return effective_size_(work_);
}

// sd(sqrt v) = sd(v) / (2 sqrt v), and 0 where nothing varies.
Lanes ChainStatistics::mcse_std() {
    work_ = deviation_.square();
    const Lanes v = mean_of(work_, 0, work_.rows());
    const Lanes size = effective_size_(work_);
    const Lanes scatter =
        sum_rows(work_.rows(), [&](Index k) -> Lanes { return (work_.row(k) - v).square(); }) /
        total_;
    const Lanes error = (scatter / size / v).sqrt() / 2.0 * deviation_unit_ * unit_;
    return (v == 0.0).select(0.0, error);
}

}  // namespace m4dl
