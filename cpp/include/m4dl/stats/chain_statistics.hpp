// What several chains say of a number: its moments, and how well they are known. kLanes numbers at once.
//
// Source: Vehtari, Gelman, Simpson, Carpenter, Buerkner, "Rank-normalization, folding, and localization: an
// improved R-hat for assessing convergence of MCMC", Bayesian Analysis 16 (2021); for batches
// Jones, Haran, Caffo, Neath, J. Amer. Statist. Assoc. 101 (2006).
#pragma once

#include "m4dl/stats/effective_size.hpp"
#include "m4dl/stats/order.hpp"

namespace m4dl {

enum class Statistic {
    kMean,
    kStd,          // divisor: draws - 1
    kMcseMean,     // std / sqrt(kEssMean)
    kMcseStd,      // by the delta method from that of v = mean (x - mean)^2
    kRhat,         // the larger of the rank-normalised draws' and the folded draws'
    kEssBulk,      // of the mean of the rank-normalised draws
    kEssMean,      // of the mean of the draws themselves
    kEssBatch,     // the same by the variance of means of batches of sqrt(draws)
    kEssQuantile,  // of the indicator of lying at or below the quantile
};

struct Wanted {
    Statistic statistic;
    double p = 0.0;  // which quantile
};

class ChainStatistics {
public:
    // In a chain: two in each half.
    static constexpr Index kFewest = 4;

    // `scores`: what stands for the ranks 1, 3/2, 2, .. S of the S draws in halves, see `scored`.
    ChainStatistics(Index chains, Index draws, const std::vector<double>& scores);

    // Draws that have a rank: an odd one in the middle of a chain is left out.
    static Index scored(Index chains, Index draws) { return 2 * chains * (draws / 2); }

    // One row of `out` for each statistic, of draws in rows, chain after chain. A statistic of too few
    // draws is NaN, and so are all of a lane with a NaN draw.
    void evaluate(const Block& draws, const std::vector<Wanted>& wanted, Block& out);

private:
    void load(const Block& draws);
    void sort();
    void rank();
    Lanes find(const Wanted& wanted);
    Lanes rhat(const Block& scores) const;
    Lanes ess_batch() const;
    Lanes ess_quantile(double p);
    Lanes mcse_std();
    void set_scores(Index lane, const std::vector<Draw>& increasing, Block& out) const;

    Index chains_, draws_;
    double total_;
    const std::vector<double>& normal_;
    EffectiveSize effective_size_;  // over the halves of the chains
    // The draws in a unit that is a power of two, and their deviations from the mean in another: no
    // square overflows, and no digit is lost.
    Block x_, deviation_;
    Lanes unit_, mean_, deviation_unit_, variance_;
    Eigen::Array<bool, 1, kLanes> invalid_;
    Order order_;
    bool sorted_ = false, ranked_ = false;
    std::vector<Draw> ordered_[kLanes], halves_, folding_;
    Block scores_, folded_, work_;
};

}  // namespace m4dl
